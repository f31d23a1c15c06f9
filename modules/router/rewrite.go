package router

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/loom-gateway/loom/internal/cleanpath"
	"github.com/loom-gateway/loom/internal/pathtree"
)

// rewrite changes the path of a request that a route takes. It works on the escaped path, so that an escape
// in a capture stays one: a kept %2F does not become a new segment.
type rewrite struct {
	stripPrefix string
	path        []part
	query       []part
	hasQuery    bool
}

// part is a piece of text, or a capture; `*` is the rest.
type part struct{ text, capture string }

var reference = regexp.MustCompile(`\{([^{}]*)\}`)

// newRewrite returns nil for a route that changes nothing.
func newRewrite(r *Route) (*rewrite, error) {
	switch {
	case r.StripPrefix == "" && r.Rewrite == "":
		return nil, nil
	case r.StripPrefix != "" && r.Rewrite != "":
		return nil, errors.New("strip_prefix and rewrite are both set: keep one")
	case r.StripPrefix != "":
		return newStrip(r.StripPrefix)
	}
	path, query, hasQuery := strings.Cut(r.Rewrite, "?")
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("rewrite %q: begin it with a slash", r.Rewrite)
	}
	rw := &rewrite{hasQuery: hasQuery, query: parts(query), path: parts(path)}
	if err := rw.check(r); err != nil {
		return nil, err
	}
	err := rw.cleanTexts()
	return rw, err
}

func newStrip(prefix string) (*rewrite, error) {
	clean, err := cleanpath.Clean(prefix, cleanpath.Policy{EncodedSlashes: cleanpath.Keep, Semicolons: cleanpath.Keep})
	if err != nil {
		return nil, fmt.Errorf("strip_prefix %q: %w", prefix, err)
	}
	return &rewrite{stripPrefix: strings.TrimSuffix(clean, "/")}, nil
}

// parts splits a template at its references.
func parts(template string) []part {
	var list []part
	at := 0
	for _, loc := range reference.FindAllStringSubmatchIndex(template, -1) {
		list = append(list, part{text: template[at:loc[0]]}, part{capture: template[loc[2]:loc[3]]})
		at = loc[1]
	}
	return append(list, part{text: template[at:]})
}

// check refuses references to what a path of the route does not capture.
func (rw *rewrite) check(r *Route) error {
	for _, p := range append(append([]part(nil), rw.path...), rw.query...) {
		for _, path := range r.Paths {
			if p.capture == "*" && !strings.HasSuffix(path, "*") {
				return fmt.Errorf("rewrite %q: {*} needs a trailing * in path %q", r.Rewrite, path)
			}
			if p.capture != "" && p.capture != "*" && !strings.Contains(path+"/", "/{"+p.capture+"}/") {
				return fmt.Errorf("rewrite %q: path %q does not capture {%s}", r.Rewrite, path, p.capture)
			}
		}
		if p.capture != "" && len(r.Paths) == 0 {
			return fmt.Errorf("rewrite %q: the route has no path that could capture {%s}", r.Rewrite, p.capture)
		}
	}
	return nil
}

// cleanTexts brings what stands in the template into the spelling of requests.
func (rw *rewrite) cleanTexts() error {
	for i, p := range rw.path {
		text, cut := p.text, 0
		if !strings.HasPrefix(text, "/") {
			text, cut = "/"+text, 1
		}
		clean, err := cleanpath.Clean(text, cleanpath.Policy{EncodedSlashes: cleanpath.Keep, Semicolons: cleanpath.Keep})
		if err != nil {
			return fmt.Errorf("rewrite %q: %w", p.text, err)
		}
		rw.path[i].text = clean[cut:]
	}
	return nil
}

// target is what a template has become for one request.
type target struct{ path, query string }

func (rw *rewrite) target(m *pathtree.Match) (t target) {
	if rw == nil {
		return t
	}
	if rw.hasQuery {
		t.query = fill(rw.query, m, func(s string) string { return url.QueryEscape(unescaped(s)) })
	}
	t.path = fill(rw.path, m, func(s string) string { return s })
	return t
}

func (rw *rewrite) apply(r *http.Request, t *target) error {
	switch {
	case rw == nil:
		return nil
	case rw.path == nil:
		return rw.strip(r)
	case rw.hasQuery:
		r.URL.RawQuery = t.query
	}
	return setPath(r, t.path)
}

// strip removes the prefix where a segment ends.
func (rw *rewrite) strip(r *http.Request) error {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), rw.stripPrefix)
	if !ok || (rest != "" && rest[0] != '/') {
		return nil
	}
	if rest == "" {
		rest = "/"
	}
	return setPath(r, rest)
}

func fill(template []part, m *pathtree.Match, escape func(string) string) string {
	var b strings.Builder
	for _, p := range template {
		b.WriteString(p.text)
		if p.capture != "" {
			b.WriteString(escape(captured(m, p.capture)))
		}
	}
	return b.String()
}

func captured(m *pathtree.Match, want string) string {
	if want == "*" {
		rest, _ := m.Rest()
		return rest
	}
	for name, value := range m.Captures {
		if name == want {
			return value
		}
	}
	return ""
}
