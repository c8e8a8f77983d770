//go:build linux

package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// program is one of those that are measured side by side.
type program struct {
	name        string
	title       string // of its column
	command     []string
	environment []string
	zipped      string // what is uploaded to Lambda
	ours        bool   // the function, this build of it or another
}

const (
	floor    = "floor"
	function = "function"
	twoCalls = "twocalls"
	python   = "python"
	node     = "node"
)

// programs returns those that can run here, and says why others cannot.
func programs(dir string, roots authority, fast bool, also []string) (list []program, missing []string, err error) {
	titles := map[string]string{floor: "empty program, Go", function: "**this function**", twoCalls: "two calls, Go"}
	for _, name := range []string{floor, function, twoCalls} {
		deployed, err := zipped(filepath.Join(dir, "arm64", name, "bootstrap"))
		if err != nil {
			return nil, nil, err
		}
		list = append(list, program{
			name: name, title: titles[name], zipped: megabytes(deployed), ours: name == function,
			command:     []string{filepath.Join(dir, "host", name, "bootstrap")},
			environment: []string{"SSL_CERT_FILE=" + roots.bundle, "SSL_CERT_DIR=" + roots.empty},
		})
	}
	for i, line := range also {
		other := program{name: fmt.Sprintf("also%d", i), title: line, zipped: "-", ours: true,
			environment: slices.Clone(list[1].environment)}
		for word := range strings.FieldsSeq(line) {
			if strings.Contains(word, "=") {
				other.environment = append(other.environment, word)
			} else {
				other.command = []string{word}
			}
		}
		if len(other.command) == 0 {
			other.command = list[1].command
		}
		list = append(list, other)
	}
	others := []func(string, authority) (program, error){pythonProgram, nodeProgram}
	if fast {
		others = nil
	}
	for _, make := range others {
		p, err := make(dir, roots)
		if err != nil {
			missing = append(missing, err.Error())
			continue
		}
		list = append(list, p)
	}
	return list, missing, nil
}

func pythonProgram(_ string, roots authority) (program, error) {
	where, err := exec.Command("python3", "-c", "import boto3, os; print(os.path.dirname(os.path.dirname(boto3.__file__)))").Output()
	if err != nil {
		return program{}, fmt.Errorf("no column for Python: python3 with boto3 is not installed")
	}
	// boto3 is zipped with it: the one in Lambda's runtime is often older than the export API.
	site := strings.TrimSpace(string(where))
	paths := []string{"bench/python/handler.py"}
	for _, name := range []string{"boto3", "botocore", "jmespath", "s3transfer", "dateutil", "urllib3", "six.py"} {
		paths = append(paths, filepath.Join(site, name))
	}
	size, err := zipped(paths...)
	if err != nil {
		return program{}, fmt.Errorf("no column for Python: %w", err)
	}
	return program{
		name: python, title: "two calls, Python", zipped: megabytes(size) + " ¹",
		command:     []string{"python3", "bench/python/handler.py"},
		environment: []string{"AWS_CA_BUNDLE=" + roots.bundle},
	}, nil
}

// nodeProgram bundles the program, as people do for Lambda.
func nodeProgram(dir string, roots authority) (program, error) {
	dir = filepath.Join(dir, "node")
	fail := func(what string, err error) (program, error) {
		return program{}, fmt.Errorf("no column for Node: %s: %w", what, err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		return fail("Node is not installed", err)
	}
	if err := os.CopyFS(dir, os.DirFS("bench/node")); err != nil && !os.IsExist(err) {
		return fail("copy", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules/.bin/esbuild")); err != nil {
		install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
		install.Dir = dir
		if output, err := install.CombinedOutput(); err != nil {
			return fail("the AWS SDK for JavaScript cannot be installed with npm", fmt.Errorf("%w: %.300s", err, output))
		}
	}
	bundle := filepath.Join(dir, "bundle.mjs")
	// Packages that are not modules yet look for require.
	banner := `--banner:js=import{createRequire}from"module";const require=createRequire(import.meta.url);`
	command := exec.Command("node_modules/.bin/esbuild", "handler.mjs", "--bundle", "--minify", "--platform=node", "--target=node20",
		"--format=esm", "--outfile=bundle.mjs", "--log-level=error", banner)
	command.Dir = dir
	if output, err := command.CombinedOutput(); err != nil {
		return fail("esbuild", fmt.Errorf("%w: %.300s", err, output))
	}
	size, err := zipped(bundle)
	if err != nil {
		return fail("zip", err)
	}
	return program{
		name: node, title: "two calls, Node", zipped: megabytes(size) + " ²",
		command:     []string{"node", bundle},
		environment: []string{"NODE_EXTRA_CA_CERTS=" + roots.root},
	}, nil
}

// environment is that of every program.
func environment(c *cloud) []string {
	list := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TZ=:UTC", "LANG=en_US.UTF-8",
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=ASIABENCHBENCHBENCH0", "AWS_SECRET_ACCESS_KEY=bench", "AWS_SESSION_TOKEN=bench",
		"AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_LAMBDA_LOG_FORMAT=JSON", "_HANDLER=bootstrap",
		"EXPORT_ROLE_ARN=arn:aws:iam::" + accountID + ":role/export",
		"TOPIC_ARN=arn:aws:sns:" + region + ":" + accountID + ":topic",
		"WORK_QUEUE_URL=" + c.urls["SQS"] + "/" + accountID + "/work",
		"DEAD_LETTER_QUEUE_URL=" + c.urls["SQS"] + "/" + accountID + "/dead",
	}
	for service, url := range c.urls {
		list = append(list, "AWS_ENDPOINT_URL_"+service+"="+url)
	}
	return list
}

// zipped is how many bytes the files make as a zip archive, as small as the format allows.
func zipped(paths ...string) (int, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestCompression) })
	add := func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(path, "__pycache__") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		out, err := w.Create(path)
		if err != nil {
			return err
		}
		_, err = out.Write(content)
		return err
	}
	for _, path := range paths {
		if err := filepath.WalkDir(path, add); err != nil {
			return 0, err
		}
	}
	err := w.Close()
	return archive.Len(), err
}

func megabytes(bytes int) string { return fmt.Sprintf("%.2f", float64(bytes)/1e6) }
