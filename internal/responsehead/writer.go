// Package responsehead is a response writer that sees the head of a response just before it is sent.
package responsehead

import (
	"io"
	"net/http"
)

// Hook is told of the final head of a response, once. It may still change the header.
type Hook interface {
	Head(status int, header http.Header)
}

// Writer passes a response on. It is for one response: who keeps it longer than the handler must not come out at another.
type Writer struct {
	http.ResponseWriter
	hook   Hook
	status int
}

// New makes a writer to w. hook may be nil.
func New(w http.ResponseWriter, hook Hook) *Writer { return &Writer{ResponseWriter: w, hook: hook} }

// Wrap makes a writer that another type embeds one to w, before it is used.
func (w *Writer) Wrap(to http.ResponseWriter, hook Hook) { w.ResponseWriter, w.hook = to, hook }

// Status is the final status, 101 included; 0 before the head is sent.
func (w *Writer) Status() int { return w.status }

// Unwrap makes http.ResponseController find what is not wrapped here.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *Writer) WriteHeader(status int) {
	final := status >= http.StatusOK || status == http.StatusSwitchingProtocols
	if final && w.status == 0 {
		w.status = status
		if w.hook != nil {
			w.hook.Head(status, w.Header())
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *Writer) begin() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
}

// Write implements http.ResponseWriter.
func (w *Writer) Write(data []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(data)
}

// ReadFrom implements io.ReaderFrom.
func (w *Writer) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, src)
}

// FlushError is what http.ResponseController calls.
func (w *Writer) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (w *Writer) Flush() { _ = w.FlushError() }

// Interface guards
var (
	_ http.Flusher  = (*Writer)(nil)
	_ io.ReaderFrom = (*Writer)(nil)
)
