package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problem is an answer after RFC 9457.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Missing is what has still to come up, of /ready.
	Missing []string `json:"missing,omitempty"`
	// Routes that use a plugin which was to be disabled.
	Routes []string `json:"routes,omitempty"`

	allow     string // for 405
	challenge string // for 401
}

func (p *problem) write(w http.ResponseWriter, r *http.Request) error {
	p.Title = http.StatusText(p.Status)
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	if p.challenge != "" {
		w.Header().Set("WWW-Authenticate", p.challenge)
	}
	return writeJSON(w, r, p.Status, "application/problem+json", p)
}

// writeJSON answers with the value, indented for people.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return write(w, r, status, contentType, append(data, '\n'))
}

// write answers with the data. A HEAD request gets the same head and no body.
func write(w http.ResponseWriter, r *http.Request, status int, contentType string, data []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // the client may be gone
	}
	return nil
}

// protect sets what every answer has: nothing is stored, guessed, framed or handed to other sites.
func protect(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}
