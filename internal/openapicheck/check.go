// Package openapicheck checks HTTP answers in tests against an OpenAPI 3.1 document, whose schemas are JSON Schema's.
package openapicheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Document is an OpenAPI document to check answers against.
type Document struct {
	root     map[string]any
	paths    map[string]any
	problems *jsonschema.Schema // of errors of paths that the document does not have
	compiler *jsonschema.Compiler
}

const resource = "openapi.json"

// Parse reads a document in YAML, all of whose schemas must be in order.
func Parse(t testing.TB, text []byte) *Document {
	t.Helper()
	d, err := parse(text)
	if err != nil {
		t.Fatalf("reading the OpenAPI document: %v", err)
	}
	return d
}

func parse(text []byte) (*Document, error) {
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(root)
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return nil, err
	}
	d := &Document{root: value.(map[string]any), compiler: jsonschema.NewCompiler()}
	d.paths, _ = d.root["paths"].(map[string]any)
	d.compiler.AssertFormat()
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := d.compiler.AddResource(resource, value); err != nil {
		return nil, err
	}
	if d.problems, err = d.compiler.Compile(resource + "#/components/schemas/Problem"); err != nil {
		return nil, err
	}
	err = d.compileAll()
	return d, err
}

// compileAll finds schemas that are not in order, and references that lead nowhere.
func (d *Document) compileAll() error {
	for path, item := range d.paths {
		for method, operation := range item.(map[string]any) {
			op, ok := operation.(map[string]any)
			if !ok || method == "parameters" {
				continue
			}
			responses, ok := op["responses"].(map[string]any)
			if !ok {
				return fmt.Errorf("%s %s has no responses", method, path)
			}
			for status := range responses {
				if _, err := d.content(path, method, status); err != nil {
					return fmt.Errorf("%s %s %s: %w", method, path, status, err)
				}
			}
		}
	}
	return nil
}

// content are the schemas of a response, by media type.
func (d *Document) content(path, method, status string) (map[string]*jsonschema.Schema, error) {
	pointer := "/paths/" + escape(path) + "/" + method + "/responses/" + status
	response := d.at(pointer)
	if ref, ok := response["$ref"].(string); ok {
		pointer = strings.TrimPrefix(ref, "#")
		response = d.at(pointer)
	}
	if response["description"] == nil {
		return nil, errors.New("there is no such response with a description")
	}
	schemas := map[string]*jsonschema.Schema{}
	content, _ := response["content"].(map[string]any)
	for kind := range content {
		schema, err := d.compiler.Compile(resource + "#" + pointer + "/content/" + escape(kind) + "/schema")
		if err != nil {
			return nil, err
		}
		schemas[kind] = schema
	}
	return schemas, nil
}

// at is the object at a JSON pointer, or nil.
func (d *Document) at(pointer string) map[string]any {
	at := d.root
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		at, _ = at[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)].(map[string]any)
	}
	return at
}

func escape(token string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(token) }

// Check reports what the document does not say of an answer. body is the answer's. Answers to what the document does not have
// are errors, and described by its schema Problem.
func (d *Document) Check(t testing.TB, r *http.Request, res *http.Response, body []byte) {
	t.Helper()
	if err := d.Problem(r.Method, r.URL.EscapedPath(), res.StatusCode, res.Header.Get("Content-Type"), body); err != nil {
		t.Errorf("%s %s: %d %s is not as the OpenAPI document says: %v", r.Method, r.URL, res.StatusCode, body, err)
	}
}

// Problem is Check without a test.
func (d *Document) Problem(method, path string, status int, contentType string, body []byte) error {
	if method == http.MethodHead {
		if len(body) > 0 {
			return fmt.Errorf("an answer to HEAD has a body of %d bytes", len(body))
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("content type %q: %w", contentType, err)
	}
	schema, err := d.schema(strings.ToLower(method), path, status, kind)
	if err != nil {
		return err
	}
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return schema.Validate(string(body))
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// schema finds what describes an answer.
func (d *Document) schema(method, path string, status int, kind string) (*jsonschema.Schema, error) {
	known := d.known(path)
	if item, _ := d.paths[known].(map[string]any); item[method] == nil {
		if status < http.StatusBadRequest || kind != "application/problem+json" {
			return nil, fmt.Errorf("the document has no %s %s, and this is no problem", method, path)
		}
		return d.problems, nil
	}
	content, err := d.content(known, method, strconv.Itoa(status))
	if err != nil && status >= http.StatusBadRequest {
		content, err = d.content(known, method, "default")
	}
	if err != nil {
		return nil, err
	}
	if content[kind] == nil {
		return nil, fmt.Errorf("the document has no content %s there", kind)
	}
	return content[kind], nil
}

// known is the path as the document writes it; a last part in braces stands for any name.
func (d *Document) known(path string) string {
	if d.paths[path] != nil {
		return path
	}
	for known := range d.paths {
		prefix, _, named := strings.Cut(known, "{")
		if rest, ok := strings.CutPrefix(path, prefix); named && ok && rest != "" && !strings.Contains(rest, "/") {
			return known
		}
	}
	return ""
}

// Paths of the document, as it writes them.
func (d *Document) Paths() []string { return slices.Sorted(maps.Keys(d.paths)) }

// Known reports whether the document has the path.
func (d *Document) Known(path string) bool { return d.known(path) != "" }
