// Command package makes of the compiled function what a release consists of: the zip that Lambda runs, a template that
// deploys it, a list of what is linked into it, the licences of that, and their checksums. The same function makes the same bytes everywhere;
// `make package` runs it.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

const product = "appstream-ami-exporter"

func main() {
	version := flag.String("version", "", "the version, as it is stamped into the function")
	bootstrap := flag.String("bootstrap", "build/lambda/bootstrap", "the compiled function")
	template := flag.String("template", "template.yaml", "the stack's template")
	directory := flag.String("directory", "build/package", "where to put the files")
	flag.Parse()
	sums, err := pack(*version, *bootstrap, *template, *directory)
	if err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
	fmt.Printf("%s:\n%s", *directory, sums)
}

// asVersion is what can be part of a file's name everywhere.
var asVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// pack writes the files of a release and returns their checksums.
func pack(version, bootstrap, template, directory string) (sums string, err error) {
	if !asVersion.MatchString(version) {
		return "", fmt.Errorf("%q is no version: letters, digits and . _ + -", version)
	}
	binary, err := os.ReadFile(bootstrap)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(template)
	if err != nil {
		return "", err
	}
	name := product + "-" + version
	zip, err := zipOf(binary)
	if err != nil {
		return "", err
	}
	info, err := buildinfo.ReadFile(bootstrap)
	if err != nil {
		return "", fmt.Errorf("what is linked into %s: %w", bootstrap, err)
	}
	list, err := billOfMaterials(info, version)
	if err != nil {
		return "", err
	}
	licences, err := licenceTexts(info)
	if err != nil {
		return "", err
	}
	deployable, err := templateFor(string(text), "./"+name+".zip")
	if err != nil {
		return "", fmt.Errorf("%s: %w", template, err)
	}

	if err := errors.Join(os.MkdirAll(directory, 0o755), clean(directory)); err != nil {
		return "", err
	}
	for _, file := range []struct {
		suffix  string
		content []byte
	}{{".zip", zip}, {".yaml", []byte(deployable)}, {".cdx.json", list}, {".licences.txt", licences}} {
		if err := os.WriteFile(filepath.Join(directory, name+file.suffix), file.content, 0o644); err != nil {
			return "", err
		}
		// As sha256sum writes and reads it.
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(file.content), name+file.suffix)
	}
	if err := os.WriteFile(filepath.Join(directory, name+".sha256"), []byte(sums), 0o644); err != nil {
		return "", err
	}
	return sums, nil
}

// clean removes the files of other versions, lest they be released with this one.
func clean(directory string) error {
	old, err := filepath.Glob(filepath.Join(directory, product+"-*"))
	for _, file := range old {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}
