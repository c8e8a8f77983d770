// Command doctor looks at a deployed stack and at what it stands on, and says what is right, what is wrong and what to do:
// `make doctor` runs it. It changes nothing, unless -export asks it to. The checks are in internal/doctor; here is what collects
// the facts, one file for each AWS service. It is a program of its own since service/ec2 takes long to compile.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
	_ "time/tzdata" // the schedule's time zone, also where the machine has no list of them

	"appstream-ami-exporter/internal/doctor"
	"appstream-ami-exporter/internal/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(terminal.Exit(os.Stderr, "doctor", run(ctx, os.Args[1:], os.Stdin, os.Stdout, time.Now)))
}

const usage = `usage: doctor [flags]

Looks at the stack and at what it stands on. It changes nothing.

With -export it asks, exports the image for real, and reports what AWS does not say, as a block to paste into an issue. With -twice it
asks once more and starts a second export under the same AMI name.

It ends with 0 if nothing needs a person, also with warnings and with what could not be told; 1 if it has failed itself; and 2 if
something needs a person.

flags:
`

func run(ctx context.Context, args []string, in io.Reader, w io.Writer, now func() time.Time) error {
	var target terminal.Target
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	target.Register(flags)
	asJSON := flags.Bool("json", false, "write JSON for programs")
	image := flags.String("export", "", "the `name` of an image to export for real")
	twice := flags.Bool("twice", false, "with -export: start it a second time under the same AMI name")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has said why
	}
	switch {
	case flags.NArg() > 0:
		flags.Usage()
		return flag.ErrHelp
	case *twice && *image == "":
		return errors.New("a second start needs a first: say which image with EXPORT=<its name>")
	case *asJSON && *image != "":
		return errors.New("what an export shows is a text for people: leave out -json")
	}
	cfg, err := target.Load(ctx)
	if err != nil {
		return err
	}
	c := newClients(cfg)
	deployment, err := c.deployment(ctx, target.Stack, cfg.Region)
	if err != nil {
		return err
	}
	if *image == "" {
		return c.examine(ctx, deployment, w, *asJSON, now)
	}
	t := tester{c, deployment, terminal.NewScreen(w), bufio.NewReader(in), os.Stderr, now, sleep}
	return t.try(ctx, *image, *twice)
}

// examine collects the facts of a stack and shows what the checks say of them.
func (c clients) examine(ctx context.Context, deployment doctor.Deployment, w io.Writer, asJSON bool, now func() time.Time) (err error) {
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
