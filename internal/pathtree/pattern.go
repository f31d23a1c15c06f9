package pathtree

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/loom-gateway/loom/internal/cleanpath"
)

// MaxCaptures is how many captures a pattern may have.
const MaxCaptures = 16

type segmentKind int

// The kinds of segments, most specific first.
const (
	literal segmentKind = iota
	capture             // {name}
	prefix              // text* at the end
	rest                // * at the end
)

type segment struct {
	kind segmentKind
	text string // of a literal or a prefix, in its clean spelling
}

// pattern is a parsed path pattern.
type pattern struct {
	segments []segment
	names    []string // of the captures, in order
}

var captureName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// parsePattern reads `/users`, `/users/{id}`, `/files/*` or `/v1*`.
func parsePattern(text string) (pattern, error) {
	var p pattern
	if !strings.HasPrefix(text, "/") {
		return p, fmt.Errorf("path %q: begin it with a slash: %q", text, "/"+text)
	}
	parts := strings.Split(text[1:], "/")
	for i, part := range parts {
		s, err := p.parseSegment(part, i == len(parts)-1)
		if err != nil {
			return p, fmt.Errorf("path %q: %w", text, err)
		}
		p.segments = append(p.segments, s)
	}
	if len(p.names) > MaxCaptures {
		return p, fmt.Errorf("path %q: it has %d captures, the most is %d", text, len(p.names), MaxCaptures)
	}
	return p, nil
}

func (p *pattern) parseSegment(part string, last bool) (segment, error) {
	switch {
	case strings.ContainsAny(part, "{}"):
		return p.parseCapture(part)
	case !strings.Contains(part, "*"):
		text, err := cleanSegment(part, last)
		return segment{literal, text}, err
	case strings.Index(part, "*") != len(part)-1 || !last:
		return segment{}, errors.New("`*` may stand only at the very end; write a capture such as {name} for one segment")
	case part == "*":
		return segment{kind: rest}, nil
	}
	text, err := cleanSegment(strings.TrimSuffix(part, "*"), false)
	return segment{prefix, text}, err
}

func (p *pattern) parseCapture(part string) (segment, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(part, "{"), "}")
	if part != "{"+name+"}" || strings.ContainsAny(name, "{}") {
		return segment{}, fmt.Errorf("%q: a capture is a whole segment, such as {id}", part)
	}
	if !captureName.MatchString(name) {
		return segment{}, fmt.Errorf("%q: name a capture with letters, digits, _ and -, such as {user_id}", part)
	}
	for _, other := range p.names {
		if other == name {
			return segment{}, fmt.Errorf("the capture {%s} stands twice", name)
		}
	}
	p.names = append(p.names, name)
	return segment{kind: capture}, nil
}

// cleanSegment brings a literal into the spelling that requests have after cleaning.
func cleanSegment(part string, last bool) (string, error) {
	if part == "" {
		if last {
			return "", nil // a trailing slash
		}
		return "", errors.New("it has a doubled slash, which no request has after cleaning: remove one")
	}
	clean, err := cleanpath.Clean("/"+part, cleanpath.Policy{EncodedSlashes: cleanpath.Keep, Semicolons: cleanpath.Keep})
	if err != nil {
		return "", err
	}
	if clean == "/" || strings.HasSuffix(clean, "/") {
		return "", fmt.Errorf("the dot segment %q is resolved in requests and can never match: remove it", part)
	}
	return clean[1:], nil
}
