// Package localtest starts a local AWS account for a test, with the compiled function in it, and reads what the function
// told and logged. Only tests use it.
package localtest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/lambda"
)

// Scale is how much faster time passes in an account that a test starts: the minute between two looks at a task is 50 ms.
const Scale = 1200

// ExportDuration is how long an export takes there: long enough to be seen running at least once.
const ExportDuration = 80 * time.Millisecond

// settleLimit is how long a test waits for the account to be done before it takes it to hang.
const settleLimit = 30 * time.Second

// Main runs the tests of a package and removes the functions that were compiled for them. Its TestMain calls it.
func Main(m *testing.M) int {
	code := m.Run()
	for _, p := range []*program{&exporter, &keeper, &played} {
		if p.directory != "" {
			_ = os.RemoveAll(p.directory) // what is left of it lies in the directory for temporary files
		}
	}
	return code
}

// program is a function that is compiled once for all tests of a package.
type program struct {
	target, variable string // of make: what builds it, and where it is told to put it

	once      sync.Once
	directory string
	err       error
}

var (
	exporter = program{target: "build/bootstrap", variable: "bootstrap"}
	keeper   = program{target: "build/bootstrap-keeper", variable: "keeper"}
	played   = program{target: "build/played-keeper", variable: "played"}
)

// Bootstrap returns the path of the exporter, compiled as it is deployed but for this machine. It is built once for all
// tests of a package, whose TestMain has to call Main.
func Bootstrap(t testing.TB) string { return exporter.built(t) }

// Keeper returns the path of the keeper, as Bootstrap does that of the exporter. Where the SDK's client of EC2 has not been
// compiled yet, that takes minutes.
func Keeper(t testing.TB) string { return keeper.built(t) }

// PlayedKeeper returns that of the keeper whose clock is played.
func PlayedKeeper(t testing.TB) string { return played.built(t) }

func (p *program) built(t testing.TB) string {
	t.Helper()
	root := Root(t)
	p.once.Do(func() {
		if p.err = dependOnSources(root); p.err != nil {
			return
		}
		if p.directory, p.err = os.MkdirTemp("", "bootstrap"); p.err != nil {
			return
		}
		// make, so that the flags are those of the deployed function wherever they change.
		build := exec.Command("make", "--no-print-directory", "-C", root, p.target, p.variable+"="+filepath.Join(p.directory, "bootstrap"))
		build.Env = withoutMake(os.Environ())
		if output, err := build.CombinedOutput(); err != nil {
			p.err = fmt.Errorf("build the function: %w\n%s", err, output)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return filepath.Join(p.directory, "bootstrap")
}

// DependOnSources looks at all that programs are compiled from. go test keeps the result of a test while the files that the test
// looked at are the same, and does not know what other programs, such as go list, have looked at for it.
func DependOnSources(t testing.TB) {
	t.Helper()
	if err := dependOnSources(Root(t)); err != nil {
		t.Fatal(err)
	}
}

func dependOnSources(root string) error {
	for _, directory := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, directory), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			return err
		}
	}
	for _, file := range []string{"Makefile", "go.mod", "go.sum"} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			return err
		}
	}
	return nil
}

// withoutMake leaves out what a surrounding make says to those that it starts.
func withoutMake(environment []string) (rest []string) {
	for _, variable := range environment {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasPrefix(name, "MAKE") && !strings.HasPrefix(name, "MFLAGS") {
			rest = append(rest, variable)
		}
	}
	return rest
}

var root = sync.OnceValues(func() (string, error) {
	output, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(string(bytes.TrimSpace(output))), err
})

// Root returns the root of the repository.
func Root(t testing.TB) string {
	t.Helper()
	directory, err := root()
	if err != nil {
		t.Fatalf("find the repository: %v", err)
	}
	return directory
}

// Event returns a sample event of the repository, such as "schedule.json".
func Event(t testing.TB, name string) []byte {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join(Root(t), "events", name))
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// complete fills in what a test has left to Start.
func complete(t testing.TB, options localaws.Options) localaws.Options {
	if options.Template == "" {
		options.Template = filepath.Join(Root(t), "template.yaml")
	}
	if options.Bootstrap == "" {
		options.Bootstrap = Bootstrap(t)
	}
	if options.Scale == 0 {
		options.Scale = Scale
	}
	if options.AppStream.ExportDuration == nil {
		options.AppStream.ExportDuration = func(string, string) time.Duration { return ExportDuration }
	}
	return options
}

// Start starts an account with the stack in it. Fields of the options that are left zero mean: this repository's template
// and function, time passing Scale times faster, and exports that take ExportDuration. The account is closed when the
// test ends, and the function's log is shown if it has failed.
func Start(t testing.TB, options localaws.Options) *localaws.Account {
	t.Helper()
	log := &Log{}
	options.OnLog, options.OnKeeperLog = log.before(options.OnLog), log.before(options.OnKeeperLog)
	account, err := localaws.Start(t.Context(), complete(t, options))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := account.Close(); err != nil {
			t.Errorf("close the account: %v", err)
		}
		if t.Failed() {
			t.Logf("the function's log:\n%s", log)
		}
	})
	return account
}

// Settle waits until nothing is going on in the account and nothing is left to do.
func Settle(t testing.TB, account *localaws.Account) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleLimit)
	defer cancel()
	if err := account.Settle(ctx); err != nil {
		t.Fatal(err)
	}
}

// Invoke runs the function once with the payload and returns the outcome. A batch of the sample queue comes from the account's own.
func Invoke(t testing.TB, account *localaws.Account, payload []byte) lambda.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleLimit)
	defer cancel()
	result, err := account.Function.Invoke(ctx, account.FromWorkQueue(payload))
	if err != nil {
		t.Fatal(err)
	}
	return result
}
