package admin_test

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/loom-gateway/loom/internal/openapicheck"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml anew")

// The document in docs is the one that the binary serves, in both forms.
func TestOpenAPIDocument(t *testing.T) {
	t.Parallel()
	const page = "../../docs/openapi.yaml"
	served := c200(t, "/openapi.yaml")
	if *update {
		if err := os.WriteFile(page, served, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(served) != string(written) {
		t.Errorf("%s is not what the binary serves: run go test ./modules/admin -update", page)
	}
	asJSON := c200(t, "/openapi.json")
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal(asJSON, &document); err != nil || document.OpenAPI != "3.1.0" {
		t.Fatalf("version %q, %v", document.OpenAPI, err)
	}
	openapicheck.Parse(t, asJSON) // JSON is YAML
	if path := document.Paths["/plugins/{name}"]; path["get"] == nil || path["delete"] == nil {
		t.Errorf("the plugin's methods are %v", path)
	}
}

func c200(t *testing.T, path string) []byte {
	t.Helper()
	r := request(http.MethodGet, path)
	res := provision(t).Serve(r)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
	}
	document(t).Check(t, r, res, data)
	return data
}

// Every path that the document has answers as it says, but for metrics, which the config of these tests has none of.
func TestEveryPathAnswers(t *testing.T) {
	t.Parallel()
	c := provision(t).Start()
	paths := document(t).Paths()
	if len(paths) < 12 || !slices.Contains(paths, "/routes/{id}") {
		t.Fatalf("paths %q", paths)
	}
	for _, path := range paths {
		name := map[string]string{"/routes/{id}": "/routes/api", "/upstreams/{name}": "/upstreams/backend", "/plugins/{name}": "/plugins/limit"}
		if name[path] != "" {
			path = name[path]
		}
		want := map[bool]int{true: http.StatusOK, false: http.StatusNotFound}[path != "/metrics"]
		if res, answer := ask(t, c, request(http.MethodGet, path)); res.StatusCode != want {
			t.Errorf("%s: %d %v", path, res.StatusCode, answer)
		}
	}
}
