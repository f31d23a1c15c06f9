package loomadapter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/loom-gateway/loom/internal/nearest"
)

const (
	// maxDocument is the largest document, in bytes.
	maxDocument = 16 << 20
	// maxNodes is how many values a document may have, counted through its aliases.
	maxNodes = 500_000
)

// decoder fills a Document from YAML's nodes, so that every problem has its line.
type decoder struct {
	*report
	getenv func(string) (string, bool)
	nodes  int
}

// decode reads a document. What is wrong with it is in the report.
func decode(body []byte, r *report, getenv func(string) (string, bool)) *Document {
	d := &decoder{report: r, getenv: getenv}
	root, ok := d.parse(body)
	if !ok {
		return nil
	}
	doc := new(Document)
	d.value(root, reflect.ValueOf(doc).Elem(), Pos{Line: root.Line})
	return doc
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (d *decoder) parse(body []byte) (*yaml.Node, bool) {
	if len(body) > maxDocument {
		d.errorf(Pos{}, "the document has %d bytes, the most is %d", len(body), maxDocument)
		return nil, false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	var doc, second yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF), err == nil && (len(doc.Content) == 0 || doc.Content[0].Tag == "!!null"):
		d.errorf(Pos{}, "the document is empty: write at least listeners and routes")
		return nil, false
	case err != nil:
		d.yamlError(err)
		return nil, false
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		d.errorf(Pos{Line: second.Line}, "there is a second document behind `---`: keep one")
		return nil, false
	}
	return doc.Content[0], true
}

func (d *decoder) yamlError(err error) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		d.errorf(Pos{}, "this is not YAML: %v", err)
		return
	}
	line, _ := strconv.Atoi(m[1])
	message := strings.TrimPrefix(err.Error(), m[0])
	if strings.Contains(message, "found character that cannot start any token") {
		message += " (indent with spaces, not with tabs)"
	}
	d.errorf(Pos{Line: line}, "this is not YAML: %s", message)
}

// value fills v from a node.
func (d *decoder) value(node *yaml.Node, v reflect.Value, at Pos) {
	node, ok := d.enter(node, at)
	if !ok {
		return
	}
	at.Line = node.Line
	if d.special(node, v, at) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(node, v.Elem(), at)
	case reflect.Struct:
		d.structure(node, v, at)
	case reflect.Slice:
		d.list(node, v, at)
	case reflect.Map:
		d.mapping(node, v, at)
	default:
		d.scalar(node, v, at)
	}
}

// enter follows aliases and counts, so that aliases of aliases end.
func (d *decoder) enter(node *yaml.Node, at Pos) (*yaml.Node, bool) {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if d.nodes++; d.nodes == maxNodes {
		d.errorf(at, "the document has more than %d values, aliases counted: write less, or fewer aliases of aliases", maxNodes)
	}
	return node, d.nodes < maxNodes
}

// special fills the types that are not simply what their kind is.
func (d *decoder) special(node *yaml.Node, v reflect.Value, at Pos) bool {
	switch target := v.Addr().Interface().(type) {
	case **yaml.Node:
		*target = d.expand(node, at)
	case *Duration:
		d.text(node, at, func(s string) (err error) { *target, err = parseDuration(s); return err })
	case *Size:
		d.text(node, at, func(s string) (err error) { *target, err = parseSize(s); return err })
	case *StringList:
		if node.Kind != yaml.ScalarNode {
			return false
		}
		d.text(node, at, func(s string) error { *target = StringList{s}; return nil })
	case *Endpoint, *PluginRef, *Redirect, *Respond:
		return d.short(node, v, at)
	case section:
		return d.onOff(node, v, at)
	default:
		return false
	}
	return true
}

// short fills the first field of a type that may be written as a single text.
func (d *decoder) short(node *yaml.Node, v reflect.Value, at Pos) bool {
	if node.Kind != yaml.ScalarNode {
		return false
	}
	field := map[string]string{"Endpoint": "Address", "PluginRef": "Name", "Redirect": "To", "Respond": "Body"}[v.Type().Name()]
	v.FieldByName("Pos").Set(reflect.ValueOf(at))
	d.text(node, at, func(s string) error { v.FieldByName(field).SetString(s); return nil })
	return true
}

// onOff fills the switch of a section that is written as a single word.
func (d *decoder) onOff(node *yaml.Node, v reflect.Value, at Pos) bool {
	if node.Kind != yaml.ScalarNode {
		return false
	}
	v.FieldByName("Pos").Set(reflect.ValueOf(at))
	d.text(node, at, func(s string) error {
		on, err := parseSwitch(s)
		if err != nil {
			return fmt.Errorf("%w: write true, false or a mapping", err)
		}
		v.FieldByName("Enabled").Set(reflect.ValueOf(&on))
		return nil
	})
	return true
}

func (d *decoder) check(err error, at Pos) {
	if err != nil {
		d.errorf(at, "%v", err)
	}
}

// text gives a scalar with its variables filled in to a function.
func (d *decoder) text(node *yaml.Node, at Pos, use func(string) error) {
	if node.Kind != yaml.ScalarNode {
		d.errorf(at, "write a single value here, not %s", kindName(node))
		return
	}
	s, err := substitute(node.Value, d.getenv)
	if err == nil {
		err = use(s)
	}
	d.check(err, at)
}

func (d *decoder) scalar(node *yaml.Node, v reflect.Value, at Pos) {
	d.text(node, at, func(s string) error {
		switch v.Kind() {
		case reflect.String:
			v.SetString(s)
		case reflect.Int:
			n, err := strconv.Atoi(s)
			if err != nil {
				return fmt.Errorf("%q is not a whole number", s)
			}
			v.SetInt(int64(n))
		case reflect.Bool:
			on, err := parseSwitch(s)
			if err != nil {
				return fmt.Errorf("%q: write true or false", s)
			}
			v.SetBool(on)
		}
		return nil
	})
}

func (d *decoder) list(node *yaml.Node, v reflect.Value, at Pos) {
	if node.Kind != yaml.SequenceNode {
		d.errorf(at, "write a list here (`- …` lines or [a, b]), not %s", kindName(node))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(node.Content))) // an empty list is not the same as none
	for i, item := range node.Content {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(item, element, Pos{Line: item.Line, Path: fmt.Sprintf("%s[%d]", at.Path, i)})
		v.Set(reflect.Append(v, element))
	}
}

func (d *decoder) mapping(node *yaml.Node, v reflect.Value, at Pos) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(node, &at, func(key string, value *yaml.Node, pos Pos) {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(value, element, pos)
		v.SetMapIndex(reflect.ValueOf(key), element)
	})
}

// pairs visits the keys of a mapping; a key that stands twice is an error.
func (d *decoder) pairs(node *yaml.Node, at *Pos, visit func(key string, value *yaml.Node, pos Pos)) {
	if node.Kind != yaml.MappingNode {
		d.errorf(*at, "write keys with values here (`key: value`), not %s", kindName(node))
		return
	}
	at.keys = map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if first, twice := at.keys[key.Value]; twice {
			d.errorf(Pos{Line: key.Line, Path: at.key(key.Value).Path}, "this key stands in line %d already", first)
			continue
		}
		at.keys[key.Value] = key.Line
		visit(key.Value, value, at.key(key.Value))
	}
}

func (d *decoder) structure(node *yaml.Node, v reflect.Value, at Pos) {
	fields := fieldsOf(v.Type())
	d.pairs(node, &at, func(key string, value *yaml.Node, pos Pos) {
		i, known := fields[key]
		switch {
		case !known:
			d.unknownKey(key, slices.Sorted(maps.Keys(fields)), pos)
		case value.Tag == "!!null":
			d.errorf(pos, "there is no value: write one, or remove the key")
		default:
			d.value(value, v.Field(i), pos)
		}
	})
	v.FieldByName("Pos").Set(reflect.ValueOf(at))
}

func (d *decoder) unknownKey(key string, known []string, at Pos) {
	if meant := nearest.Word(key, known); meant != "" {
		d.errorf(at, "unknown key %q: did you mean %q?", key, meant)
		return
	}
	d.errorf(at, "unknown key %q: known are %s", key, strings.Join(known, ", "))
}

// fieldsOf maps the keys of a type to its fields.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" && key != "-" {
			fields[key] = i
		}
	}
	return fields
}

// expand copies a free-form value with its aliases and variables filled in.
func (d *decoder) expand(node *yaml.Node, at Pos) *yaml.Node {
	node, ok := d.enter(node, at)
	if !ok {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	c := *node
	c.Anchor = ""
	if c.Kind == yaml.ScalarNode {
		value, err := substitute(c.Value, d.getenv)
		if d.check(err, Pos{Line: c.Line, Path: at.Path}); value != c.Value && c.Style == 0 {
			c.Tag = "" // a plain scalar takes the type of what stands there now
		}
		c.Value = value
	}
	c.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		c.Content[i] = d.expand(child, at)
	}
	return &c
}

func kindName(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}
