// Command package makes of the compiled functions what a release consists of: the zips that Lambda runs, a template that
// deploys them, a list of what is linked into them, the licences of that, and their checksums. The same functions make the same
// bytes everywhere; `make package` runs it.
package main

import (
	"bytes"
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
	bootstrap := flag.String("bootstrap", "build/lambda/bootstrap", "the compiled exporter")
	keeper := flag.String("keeper", "build/keeper/bootstrap", "the compiled keeper")
	template := flag.String("template", "template.yaml", "the stack's template")
	directory := flag.String("directory", "build/package", "where to put the files")
	flag.Parse()
	sums, err := pack(*version, *bootstrap, *keeper, *template, *directory)
	if err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
	fmt.Printf("%s:\n%s", *directory, sums)
}

// asVersion is what can be part of a file's name everywhere.
var asVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// pack writes the files of a release and returns their checksums.
func pack(version, bootstrap, keeper, template, directory string) (sums string, err error) {
	if !asVersion.MatchString(version) {
		return "", fmt.Errorf("%q is no version: letters, digits and . _ + -", version)
	}
	exporterZip, exporter, err := zipAndInfo(bootstrap)
	if err != nil {
		return "", err
	}
	keeperZip, keeperInfo, err := zipAndInfo(keeper)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(template)
	if err != nil {
		return "", err
	}
	name, keeperName := product+"-"+version, product+"-keeper-"+version
	list, err := billOfMaterials(version, exporter, keeperInfo)
	if err != nil {
		return "", err
	}
	licences, err := licenceTexts(exporter, keeperInfo)
	if err != nil {
		return "", err
	}
	deployable, err := templateFor(string(text), map[string]string{
		"ExportFunction": "./" + name + ".zip", "KeeperFunction": "./" + keeperName + ".zip",
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", template, err)
	}

	if err := errors.Join(os.MkdirAll(directory, 0o755), clean(directory)); err != nil {
		return "", err
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{
		{name + ".zip", exporterZip}, {keeperName + ".zip", keeperZip}, {name + ".yaml", []byte(deployable)},
		{name + ".cdx.json", list}, {name + ".licences.txt", licences},
	} {
		if err := os.WriteFile(filepath.Join(directory, file.name), file.content, 0o644); err != nil {
			return "", err
		}
		// As sha256sum writes and reads it.
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(file.content), file.name)
	}
	if err := os.WriteFile(filepath.Join(directory, name+".sha256"), []byte(sums), 0o644); err != nil {
		return "", err
	}
	return sums, nil
}

// zipAndInfo reads a compiled function: the zip that Lambda runs, and what the linker has noted in it.
func zipAndInfo(bootstrap string) ([]byte, *buildinfo.BuildInfo, error) {
	binary, err := os.ReadFile(bootstrap)
	if err != nil {
		return nil, nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, nil, fmt.Errorf("what is linked into %s: %w", bootstrap, err)
	}
	zip, err := zipOf(binary)
	return zip, info, err
}

// clean removes the files of other versions, lest they be released with this one.
func clean(directory string) error {
	old, err := filepath.Glob(filepath.Join(directory, product+"-*"))
	for _, file := range old {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}
