// Command doctor looks at a deployed stack and at what it stands on, and says what is right, what is wrong and what to do:
// `make doctor` runs it. It changes nothing, unless -export asks it to. The checks are in internal/doctor; here is what collects
// the facts, one file for each AWS service. It is a program of its own since service/ec2 takes long to compile.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
	_ "time/tzdata" // the schedule's time zone, also where the machine has no list of them

	"github.com/aws/aws-sdk-go-v2/aws"

	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(terminal.Exit(os.Stderr, "doctor", run(ctx, os.Args[1:], os.Stdout, time.Now)))
}

const usage = `usage: doctor [flags]

Looks at the stack and at what it stands on. It changes nothing.

It ends with 0 if nothing needs a person, also with warnings and with what could not be told; 1 if it has failed itself; and 2 if
something needs a person.

flags:
`

func run(ctx context.Context, args []string, w io.Writer, now func() time.Time) error {
	var target terminal.Target
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	target.Register(flags)
	asJSON := flags.Bool("json", false, "write JSON for programs")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has said why
	}
	if flags.NArg() > 0 {
		flags.Usage()
		return flag.ErrHelp
	}
	cfg, err := target.Load(ctx)
	if err != nil {
		return err
	}
	return examine(ctx, cfg, target.Stack, w, *asJSON, now)
}

// examine collects the facts of a stack and shows what the checks say of them.
func examine(ctx context.Context, cfg aws.Config, stack string, w io.Writer, asJSON bool, now func() time.Time) error {
	c := newClients(cfg)
	deployment, err := c.deployment(ctx, stack, cfg.Region)
	if err != nil {
		return err
	}
	r := report{Deployment: deployment, Caller: c.caller(ctx)}
	r.Lines = doctor.Examine(c.facts(ctx, deployment, now()))
	r.Summary = doctor.Summary(r.Lines)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(r)
	} else {
		r.show(terminal.NewScreen(w))
	}
	if err == nil && doctor.NeedsPerson(r.Lines) {
		err = terminal.Attention("something needs a person: see FAIL above")
	}
	return err
}
