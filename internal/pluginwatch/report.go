package pluginwatch

import (
	"fmt"
	"io"
	"net/http"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// ReportHeader is the field of the response that tells what plugins did, one line for each phase of each of them.
const ReportHeader = "Loom-Debug-Plugin"

// maxReport is the most that a report adds to a head, in bytes: clients refuse heads that are too large.
const maxReport = 8 << 10

// Report tells a client what all plugins of its request did.
type Report struct {
	mu      sync.Mutex
	records []*Record
}

func (rep *Report) add(r *Record) {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	rep.records = append(rep.records, r)
}

// fresh lists what was not told yet, in the order in which it happened.
func (rep *Report) fresh() []string {
	rep.mu.Lock()
	defer rep.mu.Unlock()
	var lines []line
	for _, r := range rep.records {
		lines = append(lines, r.fresh()...)
	}
	texts, size := make([]string, 0, len(lines)), 0
	for i, l := range inOrder(lines) {
		if size += len(ReportHeader) + len(l.text) + len(": \r\n"); size > maxReport {
			return append(texts, fmt.Sprintf("omitted;lines=%d", len(lines)-i))
		}
		texts = append(texts, l.text)
	}
	return texts
}

// Serve makes the response of next carry the report: its head tells what has happened until then. What comes later is in the
// trailers, for a client that takes them (TE: trailers) where the message can have some; others never learn of it.
func (rep *Report) Serve(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter) error) error {
	rw := &reportWriter{ResponseWriter: w, report: rep, request: r, trailers: httpguts.HeaderValuesContainsToken(r.Header["Te"], "trailers")}
	err := next(rw)
	rw.finish()
	return err
}

// reportWriter adds a report to a response.
type reportWriter struct {
	http.ResponseWriter
	report      *Report
	request     *http.Request
	wroteHeader bool
	trailers    bool // what comes after the head can be sent
}

// Unwrap makes http.ResponseController find what is not wrapped here.
func (w *reportWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *reportWriter) WriteHeader(status int) {
	if final := status >= 200 || status == http.StatusSwitchingProtocols; final && !w.wroteHeader {
		w.wroteHeader = true
		w.tell()
		if w.trailers = w.trailers && w.canTrail(status); w.trailers {
			w.Header().Add("Trailer", ReportHeader)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// canTrail reports whether the message can have trailers: in HTTP/1 only a chunked body does.
func (w *reportWriter) canTrail(status int) bool {
	switch {
	case w.request.Method == http.MethodHead, status < 200, status == http.StatusNoContent, status == http.StatusNotModified:
		return false
	case w.request.ProtoMajor >= 2:
		return true
	}
	return w.request.ProtoAtLeast(1, 1) && w.Header().Get("Content-Length") == ""
}

// tell sets the field, also over one of that name that a backend has sent.
func (w *reportWriter) tell() {
	w.Header().Del(ReportHeader)
	if lines := w.report.fresh(); len(lines) > 0 {
		w.Header()[ReportHeader] = lines
	}
}

// finish tells what came after the head; without one, what is to be on the error page.
func (w *reportWriter) finish() {
	if !w.wroteHeader || w.trailers {
		w.tell()
	}
}

// Write implements http.ResponseWriter.
func (w *reportWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// ReadFrom implements io.ReaderFrom.
func (w *reportWriter) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, src)
}

// FlushError is what http.ResponseController calls.
func (w *reportWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (w *reportWriter) Flush() { _ = w.FlushError() }

func (w *reportWriter) begin() {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
}

// Interface guards
var (
	_ http.Flusher  = (*reportWriter)(nil)
	_ io.ReaderFrom = (*reportWriter)(nil)
)
