package main_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"appstream-ami-exporter/internal/localaws/localtest"
)

// The function's size as it is deployed, zipped, in bytes, and that of the empty program built by the same Go. The function
// may grow by a twentieth; then somebody should look why, and record the new sizes here. Another version of Go changes both
// alike, so it is the ratio that is compared.
const (
	recordedFunction = 3_905_000
	recordedEmpty    = 2_431_000

	// mostOfEmpty bounds the ratio of the two, whatever is recorded: the SDK's clients of three services, and room for the time
	// zones, which are a twenty-fifth of the empty program.
	mostOfEmpty = 1.7
)

// TestSize keeps the function small: what is uploaded is loaded at each cold start.
func TestSize(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	build := exec.Command("make", "--no-print-directory", "build/programs", "programs="+directory, "goarch=arm64")
	build.Dir, build.Env = localtest.Root(t), append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=") // of the make that runs the tests
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, output)
	}
	read := func(program string) []byte {
		binary, err := os.ReadFile(filepath.Join(directory, program, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		return binary
	}
	function, empty := read("function"), read("floor")
	size, emptySize := zipped(t, function), zipped(t, empty)
	t.Logf("zipped: the function %d, the empty program %d, ratio %.3f", size, emptySize, float64(size)/float64(emptySize))

	if most := mostOfEmpty * float64(emptySize); float64(size) > most {
		t.Errorf("the function has %d bytes zipped; %.1f times the empty program are %.0f", size, mostOfEmpty, most)
	}
	recorded := recordedFunction * float64(emptySize) / recordedEmpty
	if float64(size) > 1.05*recorded {
		t.Errorf("the function has %d bytes zipped, more than a twentieth above the %.0f recorded", size, recorded)
	}

	// The linker leaves out methods that nothing calls, unless anything in the program could call methods by a name that it
	// computes, as an executed text/template does. Then every operation of AppStream, SNS and SQS is in. The names of functions
	// are in the binary, also without symbols.
	has := func(name string) bool { return bytes.Contains(function, []byte(name)) }
	const client = "github.com/aws/aws-sdk-go-v2/service/appstream.(*Client)."
	if !has(client + "CreateExportImageTask") {
		t.Error("the name of a function that is called is not in the binary: this test sees nothing any more")
	}
	for _, unused := range []string{"CreateFleet", "DeleteStack", "CopyImage"} {
		if has(client + unused) {
			t.Errorf("AppStream's %s is in the binary, which nothing calls: the linker cannot leave out unused methods any more", unused)
		}
	}
}

func zipped(t *testing.T, content []byte) int {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	entry, err := w.Create("bootstrap")
	if err == nil {
		_, err = entry.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return archive.Len()
}
