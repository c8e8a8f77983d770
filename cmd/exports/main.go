// Command exports shows and starts exports of a deployed stack, from a terminal: `make plan`, `make export` and `make status`
// run it. It calls the aws command for everything and is never deployed itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"appstream-ami-exporter/internal/config"
	"appstream-ami-exporter/internal/trigger"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, time.Now); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "exports:", err)
		}
		os.Exit(1)
	}
}

const usage = `usage: exports [flags] plan|export|status|replay

  plan    what a run would do now with the images that the stack selects, or with -images; nothing is started
  export  start the export of -image
  status  what runs, what has ended, what waits
  replay  send the triggers in the failed-events queue to the function again

flags:
`

func run(ctx context.Context, args []string, w io.Writer, now func() time.Time) error {
	flags := flag.NewFlagSet("exports", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	stackName := flags.String("stack", "appstream-ami-exporter", "the name of the CloudFormation stack")
	region := flags.String("region", "", "its Region, where that is not the aws command's default")
	profile := flags.String("profile", "", "a profile of the aws command")
	images := flags.String("images", "", "plan: image names and patterns, separated by commas; a leading ! excludes")
	image := flags.String("image", "", "export: the name of the image")
	amiName := flags.String("ami-name", "", "export: the name of the AMI, where it is not to be the stack's choice")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has said why
	}
	command, ok := map[string]func(context.Context, desk) error{
		"plan": func(ctx context.Context, d desk) error {
			return plan(ctx, d, trigger.Spec{Images: config.SplitList(*images), DryRun: true})
		},
		"export": func(ctx context.Context, d desk) error {
			return export(ctx, d, trigger.Spec{ImageName: *image, AMIName: *amiName})
		},
		"status": status,
		"replay": replay,
	}[flags.Arg(0)]
	switch {
	case !ok || flags.NArg() != 1:
		flags.Usage()
		return flag.ErrHelp
	case flags.Arg(0) == "export" && *image == "":
		return errors.New("which image? Say so with IMAGE=<its name>; `make plan` lists the images")
	}
	aws := cli{region: *region, profile: *profile}
	stack, err := aws.stack(ctx, *stackName)
	if err != nil {
		return err
	}
	return command(ctx, desk{aws: aws, stack: stack, screen: screen{w}, now: now})
}

// desk is what every command works with.
type desk struct {
	aws    cli
	stack  stack
	screen screen
	now    func() time.Time
}
