package main

import (
	"archive/zip"
	"bytes"
	"time"
)

// zipped is the time of the only entry: the earliest that the format can hold. Whose clock said what when is no part of a
// release.
var zipped = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// zipOf returns the zip that Lambda's OS-only runtimes start: one executable file with the name bootstrap.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html
func zipOf(binary []byte) ([]byte, error) {
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: zipped}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(binary); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
