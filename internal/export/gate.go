package export

// gate lets one through alone, and the others when that one is done. A nil gate stands open. It is a channel rather than a lock,
// so that in tests whoever waits at it is known to wait.
type gate chan struct{}

func newGate() gate {
	g := make(gate, 1)
	g <- struct{}{}
	return g
}

// pass waits for its turn and returns what is to be called when that is over.
func (g gate) pass() (done func()) {
	if g == nil {
		return func() {}
	}
	if _, first := <-g; first {
		return func() { close(g) }
	}
	return func() {}
}
