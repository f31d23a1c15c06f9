package loomadapter

import (
	"reflect"
	"slices"
	"strings"

	"github.com/loom-gateway/loom/internal/nearest"
)

// validate reports what is wrong with a document. It reads no file.
func validate(doc *Document, r *report) {
	v := &validator{report: r, doc: doc}
	v.words(reflect.ValueOf(doc).Elem(), doc.Pos)
	v.listeners()
	v.upstreams()
	v.plugins()
	v.routes()
	v.table()
	v.rateLimits()
	v.operations()
	v.accessLog()
}

func (v *validator) accessLog() {
	if l := v.doc.AccessLog; l != nil && l.Sample != nil {
		v.notNegative(l.Sample.Pos, "first", l.Sample.First)
		v.notNegative(l.Sample.Pos, "thereafter", l.Sample.Thereafter)
	}
}

type validator struct {
	*report
	doc *Document
}

// words checks, by the tags, every value that is one of a few words.
func (v *validator) words(s reflect.Value, at Pos) {
	for i := range s.NumField() {
		field, key := s.Field(i), s.Type().Field(i).Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		tag := s.Type().Field(i).Tag
		if enum := tag.Get("enum"); enum != "" && field.String() != "" {
			v.word(field.String(), strings.Split(enum, ","), at.key(key))
		}
		v.below(field)
	}
}

// below visits the structs in a field.
func (v *validator) below(field reflect.Value) {
	switch field.Kind() {
	case reflect.Pointer:
		if !field.IsNil() {
			v.below(field.Elem())
		}
	case reflect.Slice:
		for i := range field.Len() {
			v.below(field.Index(i))
		}
	case reflect.Struct:
		if pos := field.FieldByName("Pos"); pos.IsValid() {
			v.words(field, pos.Interface().(Pos))
		}
	}
}

func (v *validator) word(got string, words []string, at Pos) {
	if slices.Contains(words, got) {
		return
	}
	if meant := nearest.Word(got, words); meant != "" {
		v.errorf(at, "%q: did you mean %q?", got, meant)
		return
	}
	v.errorf(at, "%q: write one of %s", got, strings.Join(words, ", "))
}

// unique reports names that stand twice.
func (v *validator) unique(what string, seen map[string]int, name string, at Pos) {
	if first, ok := seen[name]; ok && name != "" {
		v.errorf(at, "the %s %q stands in line %d already: give each its own", what, name, first)
		return
	}
	seen[name] = at.Line
}

func (v *validator) required(value string, at Pos, key, example string) bool {
	if value == "" {
		v.errorf(at, "%s is missing: write one, such as %s", key, example)
	}
	return value != ""
}

func (v *validator) notNegative(at Pos, key string, n int) {
	if n < 0 {
		v.errorf(at.key(key), "%d is below zero", n)
	}
}
