package loomadapter

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const (
	schemaFile    = "../docs/loom.schema.json"
	referenceFile = "../docs/loom-yaml.md"
	marker        = "<!-- made from loomadapter/schema*.go by `go test ./loomadapter -update`; edit there -->\n"
)

func TestSchemaIsFresh(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, schemaFile, string(schema))
}

func TestReferenceIsFresh(t *testing.T) {
	page, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(page), marker)
	if !ok {
		t.Fatalf("%s has no marker %q", referenceFile, marker)
	}
	golden(t, referenceFile, head+marker+Reference())
}

// The schema must take what the adapter takes, and find what is wrong with the shape of a document.
func TestSchemaAgreesWithTheAdapter(t *testing.T) {
	schema := compileSchema(t)
	for _, path := range append(files(t, "testdata/good/*.yaml", 3), "../configs/loom.yaml") {
		if err := schema.Validate(document(t, path)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, name := range []string{
		"unknown-key", "unknown-top-level", "bad-duration", "bad-phase", "bad-failure-policy", "bad-load-balancer", "bad-protocol",
		"wrong-type-list", "wrong-type-scalar", "bad-threshold",
	} {
		if err := schema.Validate(document(t, filepath.Join("testdata/broken", name+".yaml"))); err == nil {
			t.Errorf("the schema takes %s", name)
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("loom.schema.json", value); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("loom.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// document reads YAML as an editor's checker does.
func document(t *testing.T, path string) any {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := yaml.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// Every example of the docs must adapt as it stands.
func TestExamplesInTheDocs(t *testing.T) {
	examples := 0
	for _, path := range files(t, "../docs/*.md", 1) {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(page), "```yaml\n")[1:] {
			body, _, _ := strings.Cut(block, "```")
			if !strings.Contains(body, "listeners:") {
				continue
			}
			examples++
			if _, _, err := adaptBody([]byte(body), "../configs/loom.yaml"); err != nil && !strings.Contains(err.Error(), "there is no file") {
				t.Errorf("%s, example %d: %v", path, i+1, err)
			}
		}
	}
	if examples == 0 {
		t.Error("no example was found")
	}
}
