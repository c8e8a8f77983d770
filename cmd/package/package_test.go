package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"appstream-ami-exporter/internal/localaws"
	"appstream-ami-exporter/internal/localaws/localtest"
)

func TestMain(m *testing.M) {
	code := localtest.Main(m)
	if release.directory != "" {
		_ = os.RemoveAll(release.directory) // what is left of it lies in the directory for temporary files
	}
	os.Exit(code)
}

var release struct {
	once      sync.Once
	directory string
	err       error
}

// packed returns a directory with the release v1.2.3, packed once for all tests: zipping takes seconds with the race detector.
func packed(t *testing.T) string {
	t.Helper()
	bootstrap, keeper, template := localtest.Bootstrap(t), localtest.Keeper(t), filepath.Join(localtest.Root(t), "template.yaml")
	release.once.Do(func() {
		if release.directory, release.err = os.MkdirTemp("", "release"); release.err == nil {
			_, release.err = pack("v1.2.3", bootstrap, keeper, template, release.directory)
		}
	})
	if release.err != nil {
		t.Fatal(release.err)
	}
	return release.directory
}

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Lambda starts the one file in a zip, and its bytes hang on nothing but the function.
func TestZip(t *testing.T) {
	// The console takes zips of up to 50 MB, and each MB is time at a cold start.
	t.Run("exporter", func(t *testing.T) { testZip(t, "appstream-ami-exporter-v1.2.3.zip", localtest.Bootstrap(t), 8<<20) })
	t.Run("keeper", func(t *testing.T) {
		testZip(t, "appstream-ami-exporter-keeper-v1.2.3.zip", localtest.Keeper(t), 16<<20)
	})
}

func testZip(t *testing.T, name, function string, most int) {
	content := read(t, packed(t), name)
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.File) != 1 {
		t.Fatalf("%d entries", len(archive.File))
	}
	entry := archive.File[0]
	if entry.Name != "bootstrap" || entry.Mode() != 0o755 || !entry.Modified.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the entry is %s, %s, of %s", entry.Name, entry.Mode(), entry.Modified)
	}
	reader, err := entry.Open()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(binary, read(t, function)) {
		t.Error("the entry is not the function")
	}
	if len(content) > most {
		t.Errorf("the zip has %d bytes", len(content))
	}
	if again, err := zipOf(binary); err != nil || !bytes.Equal(content, again) {
		t.Errorf("the same function makes another zip the second time, %v", err)
	}
}

func TestChecksums(t *testing.T) {
	directory := packed(t)
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("SKIPPED: sha256sum is not installed")
	}
	check := exec.Command("sha256sum", "--check", "--strict", "appstream-ami-exporter-v1.2.3.sha256")
	check.Dir = directory
	output, err := check.CombinedOutput()
	if err != nil || strings.Count(string(output), ": OK\n") != 5 {
		t.Errorf("%v\n%s", err, output)
	}
}

// The template of a release is the one of the source, but for where the code comes from.
func TestTemplate(t *testing.T) {
	var source, release map[string]any
	for into, content := range map[*map[string]any][]byte{
		&source:  read(t, localtest.Root(t), "template.yaml"),
		&release: read(t, packed(t), "appstream-ami-exporter-v1.2.3.yaml"),
	} {
		if err := yaml.Unmarshal(content, into); err != nil {
			t.Fatal(err)
		}
	}
	for id, code := range map[string]string{
		"ExportFunction": "./appstream-ami-exporter-v1.2.3.zip", "KeeperFunction": "./appstream-ami-exporter-keeper-v1.2.3.zip",
	} {
		function := source["Resources"].(map[string]any)[id].(map[string]any)
		delete(function, "Metadata")
		function["Properties"].(map[string]any)["CodeUri"] = code
	}
	if metadata, ok := source["Metadata"].(map[string]any); ok {
		delete(metadata, "AWS::ServerlessRepo::Application")
	}
	if diff := cmp.Diff(source, release); diff != "" {
		t.Errorf("template (-source +release):\n%s", diff)
	}
}

func TestOtherTemplate(t *testing.T) {
	if _, err := templateFor("Resources: {}\n", map[string]string{"ExportFunction": "./x.zip"}); err == nil {
		t.Error("a template without the function is taken")
	}
}

// What is linked, as the go command sees it.
func TestBillOfMaterials(t *testing.T) {
	output, err := exec.Command("go", "version", "-m", localtest.Bootstrap(t), localtest.Keeper(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.SplitSeq(string(output), "\n") {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "dep" {
			want = append(want, "pkg:golang/"+fields[1]+"@"+fields[2])
		}
	}
	// The standard library has a name that scanners look up.
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		t.Fatal(err)
	}
	stdlib := strings.TrimPrefix(strings.TrimSpace(string(version)), "go")
	want = append(want, "pkg:golang/stdlib@"+stdlib)
	var list cyclonedx.BOM
	content := read(t, packed(t), "appstream-ami-exporter-v1.2.3.cdx.json")
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(content), cyclonedx.BOMFileFormatJSON).Decode(&list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range *list.Components {
		got = append(got, c.PackageURL)
		if c.PackageURL != "pkg:golang/"+c.Name+"@"+c.Version || c.BOMRef != c.PackageURL {
			t.Errorf("got %+v", c)
		}
	}
	slices.Sort(want)
	want = slices.Compact(want) // what both functions have
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	if list.Metadata.Component.Version != "v1.2.3" || len(*(*list.Dependencies)[0].Dependencies) != len(got) ||
		list.SpecVersion != cyclonedx.SpecVersion1_6 {
		t.Errorf("got %+v", list)
	}
	// Nothing that differs from build to build.
	if list.SerialNumber != "" || list.Metadata.Timestamp != "" {
		t.Errorf("serial number %q, time %q", list.SerialNumber, list.Metadata.Timestamp)
	}
}

// Whoever gets the function gets the licence of everything in it, and the notices that have to go along.
func TestLicences(t *testing.T) {
	texts := string(read(t, packed(t), "appstream-ami-exporter-v1.2.3.licences.txt"))
	output, err := exec.Command("go", "version", "-m", localtest.Bootstrap(t), localtest.Keeper(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"\nappstream-ami-exporter, LICENSE\n", "MIT License\n", "\nGo 1.", "Copyright 2009 The Go Authors.", "Apache License\n",
		"AWS SDK for Go\n", // the last is of a NOTICE
		"internal/sync/singleflight/LICENSE\n",
	}
	for line := range strings.SplitSeq(string(output), "\n") {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "dep" {
			want = append(want, "\n"+fields[1]+" "+fields[2]+", LICENSE")
		}
	}
	for _, part := range want {
		if !strings.Contains(texts, part) {
			t.Errorf("the licences do not have %q", part)
		}
	}
	// Once, although a score of modules has it.
	if count := strings.Count(texts, "END OF TERMS AND CONDITIONS"); count < 1 || count > 4 {
		t.Errorf("the Apache License is there %d times", count)
	}
}

func TestNothingOfAnotherVersionStays(t *testing.T) {
	directory := t.TempDir()
	for _, name := range []string{"appstream-ami-exporter-v1.0.0.zip", "mine.txt"} {
		if err := os.WriteFile(filepath.Join(directory, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := clean(directory); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) != 1 || entries[0].Name() != "mine.txt" {
		t.Errorf("what stays is %v, %v", entries, err)
	}
}

func TestOddVersion(t *testing.T) {
	for _, version := range []string{"", "../x", "a b", "-v1"} {
		if _, err := pack(version, "", "", "", t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no version") {
			t.Errorf("%q: %v", version, err)
		}
	}
}

// environment is this one without what a surrounding make says.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "VERSION" || strings.HasPrefix(name, "MAKE") || name == "MFLAGS"
	})
}

// A wrong import path in -ldflags is no error to the linker, so only the running function can tell.
func TestVersionIsStamped(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.Command("make", "--no-print-directory", "-C", localtest.Root(t), "build/bootstrap", "bootstrap="+binary,
		"VERSION=v9.8.7-test")
	build.Env = environment()
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	log := &localtest.Log{}
	localtest.Start(t, localaws.Options{Bootstrap: binary, OnLog: log.Add})
	entries := log.Entries(t, "started")
	if len(entries) == 0 || entries[0]["version"] != "v9.8.7-test" {
		t.Errorf("the function says that it is %v", entries)
	}
}

// SAM builds in a copy of the tree that has no .git, with the environment of `sam build`.
func TestVersionWithoutGit(t *testing.T) {
	tree := filepath.Join(t.TempDir(), odd)
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	copyTree(t, tree)
	for title, version := range map[string]string{"from the environment": "v9.8.7-test", "without one": ""} {
		t.Run(title, func(t *testing.T) {
			artifacts := filepath.Join(t.TempDir(), odd)
			build := exec.Command("make", "build-ExportFunction")
			build.Dir = tree
			build.Env = append(environment(), "ARTIFACTS_DIR="+artifacts, "GIT_CEILING_DIRECTORIES="+filepath.Dir(tree))
			if version != "" {
				build.Env = append(build.Env, "VERSION="+version)
			}
			if output, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			if stamped := bytes.Contains(read(t, artifacts, "bootstrap"), []byte("v9.8.7-test")); stamped != (version != "") {
				t.Errorf("with VERSION=%q the function has the version: %t", version, stamped)
			}
		})
	}
}
