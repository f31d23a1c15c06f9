package httpfilter

import (
	"errors"
	"fmt"
)

// shownError runs on_response_headers for an error of the chain: for a plugin, too, that is an answer, which has its status and no
// more. The body is up to the embedder, and what the plugin adds to the head is in the answer that the embedder writes. A status
// that the plugin changes makes it another error.
func (x *exchange) shownError(err error) error {
	w, statusOf := &x.response, x.filter.options.ErrorStatus
	if statusOf == nil || w.wroteHeader || x.request.Context().Err() != nil {
		return err
	}
	status := statusOf(err)
	w.publish()
	w.wroteHeader, w.headers.status = true, status
	if outcome := x.responseHeaders(true); outcome != nil {
		return outcome
	}
	w.leaveHead()
	x.errorShown = true
	if w.headers.status != status {
		reason := fmt.Sprintf("plugin %s answers %d", x.filter.plugin.Name(), w.headers.status)
		return &Error{Status: w.headers.status, Reason: reason, Err: errors.New(err.Error())} // wrapped, it would keep its status
	}
	return err
}

// leaveHead leaves the head to the embedder, without what only its body can say.
func (w *responseWriter) leaveHead() {
	w.wroteHeader, w.own = false, nil
	delete(w.headers.header, "Content-Length")
	if values, ok := w.headers.header["Content-Type"]; ok && values == nil { // see unguessed
		delete(w.headers.header, "Content-Type")
	}
}
