package openapicheck

import (
	"strings"
	"testing"
)

const document = `openapi: 3.1.0
info: {title: t, version: "1"}
paths:
  /things:
    get: {responses: {"200": {description: all, content: {application/json: {schema: {type: array}}}}, default: {$ref: "#/components/responses/Problem"}}}
  /things/{name}:
    get:
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      responses:
        "200": {description: one, content: {application/json: {schema: {type: object, required: [name], additionalProperties: false, properties: {name: {type: string}}}}}}
components:
  responses:
    Problem: {description: p, content: {application/problem+json: {schema: {$ref: "#/components/schemas/Problem"}}}}
  schemas:
    Problem: {type: object, required: [title]}
`

// The check must find what is wrong: otherwise the tests that use it prove nothing.
func TestProblem(t *testing.T) {
	t.Parallel()
	d := Parse(t, []byte(document))
	for _, test := range []struct {
		name, method, path, kind, body string
		status                         int
		good                           bool
	}{
		{"as written", "GET", "/things", "application/json", `[]`, 200, true},
		{"another type", "GET", "/things", "application/json", `{}`, 200, false},
		{"another content type", "GET", "/things", "text/plain", `[]`, 200, false},
		{"by name", "GET", "/things/a%2Fb", "application/json", `{"name": "a/b"}`, 200, true},
		{"a field is missing", "GET", "/things/a", "application/json", `{}`, 200, false},
		{"a field too many", "GET", "/things/a", "application/json", `{"name": "a", "age": 1}`, 200, false},
		{"an error", "GET", "/things", "application/problem+json", `{"title": "x"}`, 500, true},
		{"an error without a title", "GET", "/things", "application/problem+json", `{}`, 500, false},
		{"another method", "POST", "/things", "application/problem+json", `{"title": "x"}`, 405, true},
		{"an unknown path", "GET", "/else", "application/problem+json", `{"title": "x"}`, 404, true},
		{"an unknown path with plain text", "GET", "/else", "text/plain", `no`, 404, false},
		{"an unknown path that answers", "GET", "/else", "application/json", `[]`, 200, false},
		{"HEAD with a body", "HEAD", "/things", "application/json", `[]`, 200, false},
	} {
		problem := d.Problem(test.method, test.path, test.status, test.kind, []byte(test.body))
		if (problem == nil) != test.good {
			t.Errorf("%s: %v", test.name, problem)
		}
	}
}

func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{
		strings.Replace(document, "$ref: \"#/components/schemas/Problem", "$ref: \"#/components/schemas/Problm", 1),
		strings.Replace(document, "$ref: \"#/components/responses/Problem", "$ref: \"#/components/responses/Problm", 1),
		strings.Replace(document, "type: array", "type: list", 1),
	} {
		if _, err := parse([]byte(broken)); err == nil || broken == document {
			t.Errorf("taken:\n%s", broken)
		}
	}
}
