// Command local runs the compiled function in a local AWS: it shows a whole night, or what becomes of one event. It is for
// people who want to see the function work; nothing of it is deployed.
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
	bootstrap := flag.String("bootstrap", "build/bootstrap", "the compiled function")
	template := flag.String("template", "template.yaml", "the stack's template")
	event := flag.String("event", "", "send this file's event instead of showing a night")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var err error
	if *event != "" {
		err = oneEvent(ctx, os.Stdout, *bootstrap, *template, *event)
	} else {
		err = night(ctx, os.Stdout, *bootstrap, *template)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}
