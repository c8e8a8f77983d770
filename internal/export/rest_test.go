package export

import (
	"math"
	"testing"
)

func TestRoom(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ limit, running, want int }{
		"the limit is not known":               {0, 7, math.MaxInt},
		"nothing is known and nothing runs":    {0, 0, math.MaxInt},
		"as many run as may":                   {3, 3, 0},
		"one has ended":                        {3, 2, 2},
		"all have ended":                       {3, 0, 4},
		"more run than were thought to be let": {3, 4, math.MaxInt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := room(test.limit, test.running); got != test.want {
				t.Errorf("room for %d, want %d", got, test.want)
			}
		})
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	var open gate
	open.pass()()
	open.pass()()

	shut := newGate()
	first := shut.pass()
	passed := make(chan bool, 2)
	for range 2 {
		go func() { shut.pass()(); passed <- true }()
	}
	select {
	case <-passed:
		t.Error("another one passes while the first is not done")
	default:
	}
	first()
	<-passed
	<-passed
	shut.pass()()
}
