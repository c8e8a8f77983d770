// Command local runs the compiled function in a local AWS: it shows a whole night, or what becomes of one event, or stays for
// other programs to call. It is for people who want to see the function work; nothing of it is deployed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// longest is how long a run may take before it is taken to hang: a night is over in half a minute.
const longest = 2 * time.Minute

func main() {
	var s scene
	flag.StringVar(&s.bootstrap, "bootstrap", "build/bootstrap", "the compiled function")
	flag.StringVar(&s.template, "template", "template.yaml", "the stack's template")
	flag.Float64Var(&s.speed, "speed", 300, "how many times faster time passes: at 300 an export of 40 minutes takes 8 seconds")
	flag.IntVar(&s.images, "images", 0, "how many images there are at least")
	flag.IntVar(&s.limit, "limit", 3, "how many images AppStream exports at a time")
	flag.StringVar(&s.keeper, "keeper", "build/bootstrap-keeper", "the compiled keeper, for -keep")
	flag.StringVar(&s.keep, "keep", "", "keep rules for the AMIs, such as last=2,monthly=6: deploys the keeper as well")
	flag.StringVar(&s.keepMode, "keep-mode", "PLAN", "whether the keeper retires AMIs: PLAN or ON")
	event := flag.String("event", "", "send this file's event instead of showing a night")
	whole := flag.Bool("year", false, "play a year of the keeper, which -keeper must be compiled for, instead of showing a night")
	address := flag.String("listen", "", "stay, and let other programs call this address")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s, *event, *address, *whole); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s scene, event, address string, whole bool) error {
	if s.speed <= 0 || s.limit <= 0 {
		return fmt.Errorf("the speed and the limit must be more than 0, not %g and %d", s.speed, s.limit)
	}
	if address != "" {
		s.stays = true
		return stay(ctx, os.Stdout, s, address)
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if whole {
		return year(ctx, os.Stdout, s, newYear.AddDate(1, 0, 0))
	}
	if event != "" {
		return oneEvent(ctx, os.Stdout, s, event)
	}
	return night(ctx, os.Stdout, s)
}
