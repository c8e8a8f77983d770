package terminal

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

// The exit codes of the commands, for scripts.
const (
	Fine        = 0 // also with warnings, and with what could not be told
	Failed      = 1 // the command itself failed
	NeedsPerson = 2 // it has found something that somebody has to look at
)

// Attention is what a command has found that needs a person, in a sentence. The command itself has done its work.
type Attention string

func (a Attention) Error() string { return string(a) }

// Exit tells w why a command ended, if there is more to tell than is on the screen, and returns the exit code.
func Exit(w io.Writer, program string, err error) int {
	if err == nil {
		return Fine
	}
	switch {
	case errors.Is(err, flag.ErrHelp): // the usage has been shown
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(w, "%s: interrupted\n", program)
	default:
		fmt.Fprintf(w, "%s: %v\n", program, err)
	}
	if _, ok := errors.AsType[Attention](err); ok {
		return NeedsPerson
	}
	return Failed
}
