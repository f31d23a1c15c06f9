package loomadapter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// DocumentError is something that is wrong with a document.
type DocumentError struct {
	File    string
	Pos     Pos
	Message string
}

func (p DocumentError) Error() string {
	place := p.File
	if p.Pos.Line > 0 {
		place = fmt.Sprintf("%s:%d", p.File, p.Pos.Line)
	}
	if p.Pos.Path != "" {
		place += ": " + p.Pos.Path
	}
	return place + ": " + p.Message
}

// DocumentErrors are all problems of a document, by line.
type DocumentErrors []DocumentError

func (ps DocumentErrors) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%d problems:\n%s", len(lines), strings.Join(lines, "\n"))
}

// report collects errors and warnings.
type report struct {
	file     string
	errors   DocumentErrors
	warnings []caddyconfig.Warning
}

func (r *report) errorf(at Pos, format string, args ...any) {
	r.errors = append(r.errors, DocumentError{r.file, at, fmt.Sprintf(format, args...)})
}

func (r *report) warnf(at Pos, format string, args ...any) {
	r.warnings = append(r.warnings, caddyconfig.Warning{
		File: r.file, Line: at.Line, Directive: at.Path, Message: fmt.Sprintf(format, args...),
	})
}

// err is nil when there is no error.
func (r *report) err() error {
	if len(r.errors) == 0 {
		return nil
	}
	slices.SortStableFunc(r.errors, func(a, b DocumentError) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
	return slices.CompactFunc(r.errors, func(a, b DocumentError) bool { return a.Error() == b.Error() })
}
