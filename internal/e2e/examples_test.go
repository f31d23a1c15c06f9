package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/freeport"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every example is run in its three forms, and each is sent the requests of check.txt.
func TestExamples(t *testing.T) {
	folders, err := filepath.Glob("../../examples/*/check.txt")
	if err != nil || len(folders) < 5 {
		t.Fatalf("%d examples, %v", len(folders), err)
	}
	for _, path := range folders {
		example := filepath.Dir(path)
		for _, form := range []string{"loom.yaml", "Caddyfile", "caddy.json"} {
			t.Run(filepath.Base(example)+"/"+form, func(t *testing.T) {
				t.Parallel()
				port, first, second := freeport.Port(t), backend(t), backend(t)
				text := read(t, filepath.Join(example, form))
				if form == "caddy.json" { // JSON has no variables
					text = strings.NewReplacer(`:8080"`, `:`+port+`"`, "localhost:3000", first, "localhost:3001", second).Replace(text)
				}
				config := write(t, filepath.Join(t.TempDir(), form), text)
				start(t, ".", environment(t, "LOOM_PORT="+port, "UPSTREAM="+first, "SECOND="+second), port, "run", "--config", config)
				check(t, "http://127.0.0.1:"+port, read(t, path))
			})
		}
	}
}

// The JSON of an example is what its loom.yaml adapts to.
func TestExamplesAdapt(t *testing.T) {
	folders, _ := filepath.Glob("../../examples/*/loom.yaml")
	for _, path := range folders {
		out, status := run(t, filepath.Dir(path), environment(t, "LOOM_PORT=8080", "UPSTREAM=localhost:3000", "SECOND=localhost:3001"),
			"adapt", "--pretty", "--config", "loom.yaml")
		if _, out, _ = strings.Cut(out, "{\n\t\"apps\""); status != 0 || "{\n\t\"apps\""+out != read(t, filepath.Join(filepath.Dir(path), "caddy.json")) {
			t.Errorf("%s: caddy.json is not what `loom adapt --pretty` prints: %s", path, out)
		}
	}
}

// check sends requests, a line each: METHOD TARGET [| Name: value]… -> STATUS [| Name: value | text]…
func check(t *testing.T, base, requests string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for lines := bufio.NewScanner(strings.NewReader(requests)); lines.Scan(); {
		ask, want, ok := strings.Cut(lines.Text(), " -> ")
		if !ok {
			t.Fatalf("no -> in %q", lines.Text())
		}
		status, header, body := send(t, client, base, ask)
		for i, part := range strings.Split(want, " | ") {
			name, value, isHeader := strings.Cut(part, ": ")
			switch {
			case i == 0 && part != status[:3]:
				t.Errorf("%s: status %s, want %s; body %q", ask, status, part, body)
			case i > 0 && isHeader && header.Get(name) != value:
				t.Errorf("%s: %s is %q, want %q", ask, name, header.Get(name), value)
			case i > 0 && !isHeader && !strings.Contains(body, part):
				t.Errorf("%s: body %q, want %q in it", ask, body, part)
			}
		}
	}
}

func send(t *testing.T, client *http.Client, base, ask string) (status string, header http.Header, body string) {
	t.Helper()
	parts := strings.Split(ask, " | ")
	method, target, _ := strings.Cut(parts[0], " ")
	req, err := http.NewRequest(method, base+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range parts[1:] {
		name, value, _ := strings.Cut(h, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.Status, res.Header, string(data)
}
