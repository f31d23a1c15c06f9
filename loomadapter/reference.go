package loomadapter

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Reference is the reference of loom.yaml in Markdown, a table for each type of the document.
func Reference() string {
	var b strings.Builder
	seen := map[reflect.Type]bool{}
	writeType(&b, reflect.TypeFor[Document](), "The document", seen)
	return b.String()
}

func writeType(b *strings.Builder, t reflect.Type, title string, seen map[reflect.Type]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	fmt.Fprintf(b, "\n## %s\n\n| key | value | meaning |\n|---|---|---|\n", title)
	type section struct {
		t     reflect.Type
		title string
	}
	var below []section
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, valueName(field), strings.ReplaceAll(field.Tag.Get("doc"), "|", `\|`))
		if inner := structOf(field.Type); inner != nil {
			below = append(below, section{inner, "`" + sectionName(title, key, field.Type) + "`"})
		}
	}
	for _, s := range below {
		writeType(b, s.t, s.title, seen)
	}
}

func sectionName(parent, key string, t reflect.Type) string {
	if t.Kind() == reflect.Slice {
		key += "[]"
	}
	if strings.HasPrefix(parent, "`") {
		return strings.Trim(parent, "`") + "." + key
	}
	return key
}

// structOf is the type that a field leads to, if it has keys of its own.
func structOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[yaml.Node]() {
		return nil
	}
	return t
}

func isSection(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[section]())
}

func valueName(field reflect.StructField) string {
	if enum := field.Tag.Get("enum"); enum != "" {
		return "`" + strings.ReplaceAll(enum, ",", "` `") + "`"
	}
	t := field.Type
	list := ""
	for t.Kind() == reflect.Pointer || (t.Kind() == reflect.Slice && t != reflect.TypeFor[StringList]()) {
		if t.Kind() == reflect.Slice {
			list = "list of "
		}
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[StringList]():
		return "text or list"
	case reflect.TypeFor[Duration]():
		return "duration"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[yaml.Node]():
		return "text or mapping"
	}
	if isSection(t) {
		return "on, off or mapping"
	}
	return list + map[reflect.Kind]string{
		reflect.Struct: "mapping", reflect.Map: "mapping of texts", reflect.String: "text", reflect.Int: "number", reflect.Bool: "true or false",
	}[t.Kind()]
}
