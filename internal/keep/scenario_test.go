package keep_test

import (
	"testing"
	"time"
)

func TestNights(t *testing.T) {
	w := newWorld(1, "eu-central-1")
	w.config.PointerPrefix = "/amis"
	for range 60 {
		w.export("base", w.now.Add(-time.Hour))
		for range 3 {
			w.now = w.now.Add(time.Hour)
			if _, err := w.pass(); err != nil {
				t.Error(w.now, err)
			}
		}
		w.now = w.now.Add(day - 3*time.Hour)
	}
	w.check(t)
	for _, r := range w.regions {
		there := 0
		for _, a := range r.amis {
			if a.gone.IsZero() {
				there++
			}
		}
		t.Log(r.name, there, len(r.amis), r.parameters)
	}
	count := map[string]int{}
	for _, p := range w.published {
		count[string(p.Type)]++
	}
	t.Log(count)
}
