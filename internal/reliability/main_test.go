package reliability

import (
	"flag"
	"os"
	"testing"

	"appstream-ami-exporter/internal/localaws/localtest"
)

var (
	update         = flag.Bool("update", false, "rewrite the table of outcomes in docs/RELIABILITY.md")
	seed           = flag.Uint64("seed", 0, "simulate only the world with this seed, and tell what happens in it")
	measureEstates = flag.Bool("estates", false, "measure all estates, into the table in docs/PERFORMANCE.md")
	nights         = flag.Int("nights", 0, "how many nights to simulate, where not the default")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(localtest.Main(m))
}
