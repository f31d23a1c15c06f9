package loomadapter

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

const ownersFile = "/path/to/rate-limit.wasm"

// adapt adapts a file under its own name. The .wasm file of the owner's document is put where the test may write.
func adapt(t testing.TB, path string) ([]byte, []string, error) {
	t.Helper()
	body, file := ownersDocument(t, path)
	out, warnings, err := adaptBody(body, path)
	return bytes.ReplaceAll(out, []byte(file), []byte(ownersFile)), warnings, err
}

// adaptForLoading leaves the .wasm file where it really is.
func adaptForLoading(t testing.TB, path string) []byte {
	t.Helper()
	body, _ := ownersDocument(t, path)
	out, _, err := adaptBody(body, path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ownersDocument reads a document and makes the file that it names.
func ownersDocument(t testing.TB, path string) (body []byte, file string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(body, []byte(ownersFile)) {
		return body, ownersFile
	}
	code, err := os.ReadFile("../plugins/rate-limit/rate-limit.wasm")
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "rate-limit.wasm")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(body, []byte(ownersFile), []byte(file)), file
}

func adaptBody(body []byte, path string) ([]byte, []string, error) {
	out, warnings, err := Adapter{}.Adapt(body, map[string]any{"filename": path})
	var texts []string
	for _, w := range warnings {
		texts = append(texts, fmt.Sprintf("%s:%d: %s: %s", filepath.Base(w.File), w.Line, w.Directive, w.Message))
	}
	return out, texts, err
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", path, got, want)
	}
}

func files(t *testing.T, pattern string, atLeast int) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) < atLeast {
		t.Fatalf("%d files %s, %v; want at least %d", len(paths), pattern, err, atLeast)
	}
	return paths
}

func TestGoodDocuments(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files(t, "testdata/good/*.yaml", 3) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			out, warnings, err := adapt(t, path)
			if err != nil {
				t.Fatal(err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, bytes.ReplaceAll(out, []byte(root), []byte("ROOT")), "", "\t"); err != nil {
				t.Fatal(err)
			}
			text := pretty.String() + "\n"
			for _, w := range warnings {
				text += "warning: " + w + "\n"
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".json", text)
		})
	}
}

func TestBrokenDocuments(t *testing.T) {
	root, err := filepath.Abs("testdata/broken")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files(t, "testdata/broken/*.yaml", 25) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			_, _, err := adapt(t, path)
			if err == nil {
				t.Fatal("the document was taken")
			}
			text := strings.ReplaceAll(err.Error(), root, "FOLDER")
			golden(t, strings.TrimSuffix(path, ".yaml")+".want", strings.ReplaceAll(text, "testdata/broken/", "")+"\n")
		})
	}
}

func TestSameInSameOut(t *testing.T) {
	first, _, err := adapt(t, "testdata/good/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if again, _, _ := adapt(t, "testdata/good/everything.yaml"); !bytes.Equal(first, again) {
			t.Fatalf("two outputs\n%s\n%s", first, again)
		}
	}
}

// A changed plugin file must change the output, or Caddy takes a reload for unchanged.
func TestAChangedPluginChangesTheOutput(t *testing.T) {
	folder := t.TempDir()
	doc := "listeners: [{address: \":8080\"}]\nroutes: [{path: /, respond: hi, plugins: [x]}]\nplugins: [{name: x, path: x.wasm}]\n"
	var outputs []string
	for _, code := range []string{"one", "two"} {
		if err := os.WriteFile(filepath.Join(folder, "x.wasm"), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _, err := adaptBody([]byte(doc), filepath.Join(folder, "loom.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, string(out))
	}
	if outputs[0] == outputs[1] {
		t.Errorf("the same output for two plugins: %s", outputs[0])
	}
}

func TestVariables(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "1", "EMPTY": ""}[name]
		return v, ok
	}
	for text, want := range map[string]string{
		"${A}": "1", "x${A}y${A}": "x1y1", "${B:-d}": "d", "${EMPTY:-d}": "d", "${EMPTY}": "", "$${A}": "${A}", "{env.A}": "{env.A}",
		"${B:-http://x:80}": "http://x:80", "$A": "$A",
	} {
		if got, err := substitute(text, env); got != want || err != nil {
			t.Errorf("%q became %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"${B}", "${", "${}", "${a b}"} {
		if got, err := substitute(text, env); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func FuzzAdapt(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/broken/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			body, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		began := time.Now()
		out, _, err := Adapter{}.Adapt(body, nil)
		if err == nil && !json.Valid(out) {
			t.Fatalf("not JSON: %s", out)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Fatalf("%d bytes took %s", len(body), took)
		}
	})
}
