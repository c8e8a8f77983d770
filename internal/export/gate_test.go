package export

import (
	"testing"
	"testing/synctest"
)

// One passes alone, and the others once that one is done; where there is no gate everybody passes.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open gate
		open.pass()()
		open.pass()()

		shut := newGate()
		first := shut.pass()
		passed := make(chan bool, 2)
		for range 2 {
			go func() { shut.pass()(); passed <- true }()
		}
		synctest.Wait()
		if len(passed) > 0 {
			t.Error("another one passes while the first is not done")
		}
		first()
		<-passed
		<-passed
		shut.pass()()
	})
}
