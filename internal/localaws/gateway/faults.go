package gateway

import "time"

// Fault decides what happens to one call. It is asked before every call, from many goroutines at once.
type Fault func(Call) Effect

// Effect is what the gateway does to one call. The zero Effect lets it pass.
type Effect struct {
	Kind EffectKind

	// Delay passes before anything else happens to the call.
	Delay time.Duration

	// Status, Code and Message are the answer of Refuse, written in the service's own wire format.
	// A zero Status means 400.
	Status  int
	Code    string
	Message string
}

// EffectKind names what can go wrong with a call. "Before" means that the service never saw it,
// "After" that the service did what was asked but the caller does not learn of it.
type EffectKind int

// The effects that a Fault can choose from.
const (
	Pass        EffectKind = iota
	Refuse                 // the service answers with an error
	ResetBefore            // the connection is reset
	ResetAfter             // the reply is lost: the connection is reset after the service has acted
	HangBefore             // no reply ever comes
	HangAfter              // no reply ever comes, though the service has acted
	KillBefore             // the calling process is killed before the service sees the call
	KillAfter              // the calling process is killed once the service has acted, before it is answered
)

// reachesService says whether the service sees a call with this effect.
func (k EffectKind) reachesService() bool {
	switch k {
	case Pass, ResetAfter, HangAfter, KillAfter:
		return true
	}
	return false
}
