package runtimeapi

import (
	"runtime"
	"testing"
)

// Below a whole core one thread does the work; with one or more, all of them. What Lambda does not tell changes nothing.
func TestUseOneThread(t *testing.T) { // not parallel: it is about the whole process
	const cores = 4
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	for memory, want := range map[string]int{"128": 1, "1768": 1, "1769": cores, "10240": cores, "": cores, "128 MB": cores} {
		runtime.GOMAXPROCS(cores)
		useOneThread(memory)
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("with the memory %q Go runs on %d threads, want %d", memory, got, want)
		}
	}
}
