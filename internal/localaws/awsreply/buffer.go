package awsreply

import (
	"bytes"
	"maps"
	"net/http"
)

// Buffer is an [http.ResponseWriter] that keeps an answer until it is known whether the caller may have it.
type Buffer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// NewBuffer returns an empty Buffer.
func NewBuffer() *Buffer { return &Buffer{status: http.StatusOK, header: http.Header{}} }

// Header implements [http.ResponseWriter].
func (b *Buffer) Header() http.Header { return b.header }

// WriteHeader implements [http.ResponseWriter].
func (b *Buffer) WriteHeader(status int) { b.status = status }

// Write implements [http.ResponseWriter].
func (b *Buffer) Write(p []byte) (int, error) { return b.body.Write(p) }

// Status returns the HTTP status of the answer.
func (b *Buffer) Status() int { return b.status }

// Body returns the body of the answer.
func (b *Buffer) Body() []byte { return b.body.Bytes() }

// CopyTo gives the answer to the caller and returns its status.
func (b *Buffer) CopyTo(w http.ResponseWriter) int {
	maps.Copy(w.Header(), b.header)
	w.WriteHeader(b.status)
	_, _ = w.Write(b.body.Bytes()) // fails only if the caller has gone
	return b.status
}
