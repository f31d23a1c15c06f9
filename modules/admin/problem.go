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

	allow string // for 405
}

func (p *problem) write(w http.ResponseWriter, r *http.Request) error {
	p.Title = http.StatusText(p.Status)
	if p.allow != "" {
		w.Header().Set("Allow", p.allow)
	}
	return writeJSON(w, r, p.Status, "application/problem+json", p)
}

// writeJSON answers with the value, indented for people. A HEAD request gets the same head and no body.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = w.Write(data)
	return err
}
