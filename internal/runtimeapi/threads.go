package runtimeapi

import (
	"runtime"
	"strconv"
)

// wholeCore is the memory, in MB, with which Lambda gives a function a whole core. With less it gets a share of one, but sees two.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
const wholeCore = 1769

// useOneThread keeps Go from running on several threads where they have less than one core between them: looking for work
// and waking each other up takes them a quarter of it. It is not for INIT, in which Lambda gives more than one core; that is
// why GOMAXPROCS is not set by the template.
func useOneThread(memory string) {
	if size, err := strconv.Atoi(memory); err == nil && size < wholeCore {
		runtime.GOMAXPROCS(1)
	}
}
