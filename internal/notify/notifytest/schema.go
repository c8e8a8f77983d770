// Package notifytest checks notifications against their schema, for the tests of every package that sees some.
package notifytest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Validate has the test fail where body is no notification as docs/notification.schema.json describes it, or has more than that.
func Validate(t testing.TB, body []byte) {
	t.Helper()
	if err := Check(body); err != nil {
		t.Errorf("not a notification by the schema: %v\n%s", err, body)
	}
}

// Check says what about body is not as docs/notification.schema.json describes it. That schema lets fields be added; here one that
// it does not know is a mistake.
func Check(body []byte) error {
	schema, err := closed()
	if err != nil {
		return err
	}
	return check(schema, body)
}

func check(schema *jsonschema.Schema, body []byte) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return schema.Validate(document)
}

var closed = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return compile("internal", "notify", "notifytest", "closed.schema.json")
})

func compile(path ...string) (*jsonschema.Schema, error) {
	root, err := repository()
	if err != nil {
		return nil, err
	}
	return jsonschema.NewCompiler().Compile(filepath.Join(append([]string{root}, path...)...))
}

// repository finds the root above the package under test, in whose directory tests run.
func repository() (string, error) {
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", errors.New("no go.mod above the working directory")
		}
		directory = parent
	}
}
