package loomadapter

import (
	"encoding/json"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Schema is the JSON Schema of loom.yaml, made from the document's types, for editors that complete and check. A
// generator library would know Go's types but not this decoder's: a text for a list of one, a name for a plugin, a
// variable for a number.
func Schema() ([]byte, error) {
	g := &schemaMaker{definitions: map[string]any{}}
	root := g.structure(reflect.TypeFor[Document]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "loom.yaml"
	root["$defs"] = g.definitions
	out, err := json.MarshalIndent(root, "", "  ")
	return append(out, '\n'), err
}

type object = map[string]any

type schemaMaker struct{ definitions map[string]any }

// orVariable is a value that stands for another type until it is filled in.
func orVariable() object { return object{"type": "string", "pattern": `\$\{`} }

func (g *schemaMaker) structure(t reflect.Type) object {
	properties := object{}
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		s := object{}
		for k, v := range g.value(field.Type) {
			s[k] = v
		}
		if enum := field.Tag.Get("enum"); enum != "" {
			delete(s, "type")
			s["anyOf"] = []any{object{"enum": strings.Split(enum, ",")}, orVariable()}
		}
		s["description"] = field.Tag.Get("doc")
		properties[key] = s
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// special are the types that the decoder reads in a way of its own.
func (g *schemaMaker) special(t reflect.Type) (object, bool) {
	switch t {
	case reflect.TypeFor[yaml.Node]():
		return object{}, true
	case reflect.TypeFor[Duration]():
		return object{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h|d))+$|\$\{`}, true
	case reflect.TypeFor[Size]():
		return object{"type": []string{"string", "integer"}}, true
	case reflect.TypeFor[StringList]():
		text := object{"type": []string{"string", "integer"}} // statuses look like numbers
		return object{"anyOf": []any{text, object{"type": "array", "items": text}}}, true
	case reflect.TypeFor[Endpoint](), reflect.TypeFor[PluginRef](), reflect.TypeFor[Redirect](), reflect.TypeFor[Respond]():
		return object{"anyOf": []any{object{"type": "string"}, g.reference(t)}}, true
	}
	if isSection(t) {
		return object{"anyOf": []any{object{"enum": []any{true, false, "on", "off", "yes", "no"}}, orVariable(), g.reference(t)}}, true
	}
	return nil, false
}

func (g *schemaMaker) value(t reflect.Type) object {
	if s, ok := g.special(t); ok {
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": g.value(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": object{"type": []string{"string", "number", "boolean"}}}
	case reflect.Struct:
		return g.reference(t)
	case reflect.Int:
		return object{"anyOf": []any{object{"type": "integer"}, orVariable()}}
	case reflect.Bool:
		return object{"anyOf": []any{object{"type": "boolean"}, orVariable()}}
	}
	return object{"type": []string{"string", "number", "boolean"}}
}

func (g *schemaMaker) reference(t reflect.Type) object {
	if _, made := g.definitions[t.Name()]; !made {
		g.definitions[t.Name()] = nil // types may contain themselves
		g.definitions[t.Name()] = g.structure(t)
	}
	return object{"$ref": "#/$defs/" + t.Name()}
}
