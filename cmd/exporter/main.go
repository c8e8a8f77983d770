// Command exporter shows and starts exports of a deployed stack, from a terminal: `make plan`, `make export`, `make status`,
// `make replay`, `make keep` and `make restore` run it. It calls AWS with the credentials of whoever sits there and is never
// deployed itself.
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
	"strings"
	"time"

	"appstream-ami-exporter/internal/terminal"
	"appstream-ami-exporter/internal/trigger"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(terminal.Exit(os.Stderr, "exporter", run(ctx, os.Args[1:], os.Stdin, os.Stdout, time.Now)))
}

const usage = `usage: exporter [flags] plan|export|night|status|replay|keep|restore [flags]

  plan    what a run would do now with the images that the stack selects, or with -images; nothing is started
  export  start the export of -image; with -follow show how it goes on until it ends
  night   show what a nightly run would do now, and start one if that is agreed to
  status  what runs, what has ended, what waits; with -watch again and again
  replay  send the triggers in the failed-events queue to the function again
  keep    what becomes of each AMI that was exported, and why; nothing is changed
  restore try whether AppStream would import -ami as the image -name, and import it if that is agreed to

It ends with 0 if all is well, 1 if it has failed itself, and 2 if it has found something that needs a person.

flags:
`

// options are what the flags say.
type options struct {
	target  terminal.Target
	images  string
	image   string
	amiName string
	ami     string
	name    string
	role    string
	follow  bool
	watch   bool
	yes     bool
	json    bool
}

// parse reads flags before and after the command.
func parse(args []string) (command string, o options, err error) {
	flags := flag.NewFlagSet("exporter", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	o.target.Register(flags)
	flags.StringVar(&o.images, "images", "", "plan: image `names` and patterns, separated by commas; a leading ! excludes")
	flags.StringVar(&o.image, "image", "", "export: the `name` of the image")
	flags.StringVar(&o.amiName, "ami-name", "", "export: the `name` of the AMI, where it is not to be the stack's choice")
	flags.StringVar(&o.ami, "ami", "", "restore: the `id` of the AMI")
	flags.StringVar(&o.name, "name", "", "restore: the `name` of the image that is to be made")
	flags.StringVar(&o.role, "role", "", "restore: the `ARN` of the role to import with, where it is not that of examples/restore")
	flags.BoolVar(&o.follow, "follow", false, "export: show how it goes on until it ends")
	flags.BoolVar(&o.watch, "watch", false, "status: show it again and again")
	flags.BoolVar(&o.yes, "yes", false, "night and restore: begin without a question")
	flags.BoolVar(&o.json, "json", false, "write JSON for programs")
	if err := flags.Parse(args); err != nil {
		return "", o, flag.ErrHelp // flags has said why
	}
	command = flags.Arg(0)
	if flags.NArg() > 0 {
		if err := flags.Parse(flags.Args()[1:]); err != nil {
			return "", o, flag.ErrHelp
		}
	}
	switch {
	case flags.NArg() > 0 || commands[command] == nil:
		flags.Usage()
		return "", o, flag.ErrHelp
	case command == "restore" && (o.ami == "" || o.name == ""):
		return "", o, errors.New("which AMI, as which image? Say so with AMI=<its id> NAME=<a name that no image has>; " +
			"docs/RESTORE.md explains")
	case command == "export" && o.image == "":
		return "", o, errors.New("which image? Say so with IMAGE=<its name>; `make plan` lists the images")
	}
	return command, o, nil
}

// report is what a command has found. Its JSON is for programs.
type report interface {
	show(terminal.Screen)
	// attention is what needs a person in it, or nil.
	attention() error
}

// commands do their work. agreed asks whoever sits at the terminal.
var commands = map[string]func(ctx context.Context, d desk, o options, agreed func(question string) bool) (report, error){
	"plan": func(ctx context.Context, d desk, o options, _ func(string) bool) (report, error) {
		return d.plan(ctx, trigger.Spec{Images: list(o.images), DryRun: true})
	},
	"export": func(ctx context.Context, d desk, o options, _ func(string) bool) (report, error) {
		return d.export(ctx, trigger.Spec{ImageName: o.image, AMIName: o.amiName}, o.follow)
	},
	"night": func(ctx context.Context, d desk, _ options, agreed func(string) bool) (report, error) {
		return d.night(ctx, agreed)
	},
	"status": func(ctx context.Context, d desk, _ options, _ func(string) bool) (report, error) {
		return d.status(ctx)
	},
	"replay": func(ctx context.Context, d desk, _ options, _ func(string) bool) (report, error) {
		return d.replay(ctx)
	},
	"restore": func(ctx context.Context, d desk, o options, agreed func(string) bool) (report, error) {
		return d.restore(ctx, o, agreed)
	},
	"keep": func(ctx context.Context, d desk, _ options, _ func(string) bool) (report, error) {
		return d.keep(ctx)
	},
}

func run(ctx context.Context, args []string, in io.Reader, w io.Writer, now func() time.Time) error {
	command, o, err := parse(args)
	if err != nil {
		return err
	}
	cfg, err := o.target.Load(ctx)
	if err != nil {
		return err
	}
	d := newDesk(cfg, now)
	if command != "restore" { // which needs none
		if d.stack, err = terminal.FindStack(ctx, d.stacks, o.target.Stack, cfg.Region); err != nil {
			return err
		}
	}
	d.screen = terminal.NewScreen(io.Discard)
	if !o.json {
		d.screen = terminal.NewScreen(w)
	}
	if command == "status" && o.watch {
		return d.watchStatus(ctx, w, o.json)
	}
	found, err := commands[command](ctx, d, o, func(question string) bool {
		return o.yes || terminal.Agreed(bufio.NewReader(in), os.Stderr, question)
	})
	if found != nil {
		err = errors.Join(tell(w, found, o.json), err)
	}
	if err != nil {
		return err
	}
	return found.attention()
}

// tell writes a report.
func tell(w io.Writer, r report, asJSON bool) error {
	if !asJSON {
		r.show(terminal.NewScreen(w))
		return nil
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

func list(text string) (entries []string) {
	for entry := range strings.SplitSeq(text, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			entries = append(entries, entry)
		}
	}
	return entries
}
