package configdoc

import (
	"encoding/json"
	"reflect"
	"strings"
)

// value is what a field takes.
type value struct {
	text  string
	inner reflect.Type // the struct that it leads to, if it does
	step  string       // from the field to that struct: "[]" into a list, ".NAME" into a map
}

func valueOf(f field) value {
	if namespace := namespaceOf(f); namespace != "" {
		return value{text: modulesOf(f.Type, namespace)}
	}
	return typeValue(f.Type)
}

// namespaceOf is where the modules come from that Caddy decodes a field into.
func namespaceOf(f field) string {
	for _, part := range strings.Fields(f.Tag.Get("caddy")) {
		if namespace, ok := strings.CutPrefix(part, "namespace="); ok {
			return namespace
		}
	}
	return ""
}

func modulesOf(t reflect.Type, namespace string) string {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return "module of `" + namespace + "`"
	case t.Kind() == reflect.Map:
		return "modules of `" + namespace + "` by name"
	}
	return "list of modules of `" + namespace + "`"
}

func typeValue(t reflect.Type) value {
	if t.Name() == "Duration" {
		return value{text: "duration"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeValue(t.Elem())
	case reflect.Slice, reflect.Array:
		v := typeValue(t.Elem())
		return value{"list of " + plural(v.text), v.inner, "[]" + v.step}
	case reflect.Map:
		v := typeValue(t.Elem())
		return value{plural(v.text) + " by name", v.inner, ".NAME" + v.step}
	case reflect.Struct:
		return value{text: "object", inner: t}
	case reflect.Interface:
		return value{text: "anything"}
	}
	return value{text: scalar(t.Kind())}
}

func scalar(k reflect.Kind) string {
	switch {
	case k == reflect.Bool:
		return "true or false"
	case k >= reflect.Int && k <= reflect.Float64:
		return "number"
	}
	return "text"
}

func plural(text string) string {
	switch text {
	case "text", "number", "object", "duration":
		return text + "s"
	}
	return text
}
