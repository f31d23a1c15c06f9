// Package configdoc writes the reference of the JSON config: the types that modules are decoded into, and the comments that
// stand above their fields.
package configdoc

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Module is what the config calls by an id.
type Module struct {
	ID   string
	Type reflect.Type // the struct that its JSON is decoded into
}

// Page is the reference in Markdown: a list of the modules, then a section for each, with a table for every struct that its
// fields lead to. It fails when a module or a field has no comment.
func Page(source *Source, modules []Module) (string, error) {
	p := &page{source: source, anchors: map[string]int{}, links: map[reflect.Type]string{}}
	for _, m := range modules {
		if err := p.module(m); err != nil {
			return "", fmt.Errorf("%s: %w", m.ID, err)
		}
	}
	return "| module | what |\n|---|---|\n" + p.index.String() + p.body.String(), nil
}

var object = regexp.MustCompile(`\bobjects?\b`)

type page struct {
	source      *Source
	index, body strings.Builder
	anchors     map[string]int          // how often each was taken
	links       map[reflect.Type]string // to the section of each type that has one
}

// section is a struct that is still to be written, and where it stands in the JSON of its module.
type section struct {
	path string
	t    reflect.Type
}

func (p *page) module(m Module) error {
	about, err := p.source.typeDoc(m.Type)
	if err != nil {
		return err
	}
	text := markdown(withoutSubject(about))
	fmt.Fprintf(&p.index, "| [`%s`](#%s) | %s |\n", m.ID, p.heading("##", m.ID), firstSentence(text))
	fmt.Fprintf(&p.body, "\n%s\n", text)
	below, err := p.table(section{t: m.Type})
	for err == nil && len(below) > 0 {
		next := below[0]
		var more []section
		more, err = p.structure(next)
		below = append(more, below[1:]...)
	}
	return err
}

// structure writes the section of a struct below a module.
func (p *page) structure(s section) ([]section, error) {
	about, err := p.source.typeDoc(s.t)
	if err != nil {
		return nil, err
	}
	p.heading("###", s.path)
	fmt.Fprintf(&p.body, "\n%s\n", markdown(capital(withoutName(s.t.Name(), about))))
	return p.table(s)
}

// table writes the fields of a struct, and returns the structs that they lead to and that have no section yet.
func (p *page) table(s section) (below []section, err error) {
	fields, err := p.source.fields(s.t)
	if err != nil || len(fields) == 0 {
		return nil, err
	}
	p.body.WriteString("\n| field | value | default | meaning |\n|---|---|---|---|\n")
	for _, f := range fields {
		v := valueOf(f)
		if v.inner != nil {
			if _, known := p.links[v.inner]; !known && p.source.owns(v.inner) {
				path := strings.TrimPrefix(s.path+"."+f.json+v.step, ".")
				p.links[v.inner] = "#" + nth(anchor(path), p.anchors[anchor(path)])
				below = append(below, section{path, v.inner})
			}
			v.text = object.ReplaceAllString(v.text, "[$0]("+p.link(v.inner)+")")
		}
		meaning, standard := f.meaning()
		fmt.Fprintf(&p.body, "| `%s` | %s | %s | %s |\n", f.json, v.text, cell(standard), cell(markdown(meaning)))
	}
	return below, nil
}

// heading writes one, and returns its anchor, which GitHub numbers when it was taken.
func (p *page) heading(level, title string) string {
	name := anchor(title)
	fmt.Fprintf(&p.body, "\n%s `%s`\n", level, title)
	p.anchors[name]++
	return nth(name, p.anchors[name]-1)
}

// link leads to what is said about a struct: here, or where its own package is documented.
func (p *page) link(t reflect.Type) string {
	if here, ok := p.links[t]; ok {
		return here
	}
	return "https://pkg.go.dev/" + t.PkgPath() + "#" + t.Name()
}

func nth(anchor string, n int) string {
	if n == 0 {
		return anchor
	}
	return fmt.Sprintf("%s-%d", anchor, n)
}

// anchor is what GitHub makes of a heading: letters, digits, hyphens and underscores, in lower case.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return -1
	}, title)
}
