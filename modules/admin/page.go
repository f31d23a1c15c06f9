package admin

import (
	"embed"
	"net/http"
)

// The status page is three files without anything from elsewhere: it asks the API as any other client does.
//
//go:embed page
var page embed.FS

// pageFile is a file of the page.
type pageFile struct{ name, contentType string }

func pageFiles() map[string]pageFile {
	return map[string]pageFile{
		"/":         {"page/index.html", "text/html; charset=utf-8"},
		"/page.css": {"page/page.css", "text/css; charset=utf-8"},
		"/page.js":  {"page/page.js", "text/javascript; charset=utf-8"},
		"/page.svg": {"page/page.svg", "image/svg+xml"},
	}
}

// pagePolicy lets the page load its own files, ask its own API, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (f pageFile) answer(w http.ResponseWriter, r *http.Request) error {
	data, err := page.ReadFile(f.name)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	return write(w, r, http.StatusOK, f.contentType, data)
}
