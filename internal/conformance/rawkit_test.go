package conformance

import (
	"bytes"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

// rawSpec is a guest of testdata as a plugin.
func rawSpec(t *testing.T, name string, change ...func(*plugin.Spec)) plugin.Spec {
	t.Helper()
	spec := plugin.Spec{Name: name, Code: raw(t, name), Instances: 1}
	for _, c := range change {
		c(&spec)
	}
	return spec
}

// patch replaces a name in a module by another one of the same length.
func patch(t *testing.T, name, by string) func(*plugin.Spec) {
	t.Helper()
	if len(name) != len(by) {
		t.Fatalf("%q and %q differ in length", name, by)
	}
	return func(s *plugin.Spec) {
		// A name stands behind its length, so that "main" is not found in "__main_void".
		old, fresh := append([]byte{byte(len(name))}, name...), append([]byte{byte(len(by))}, by...)
		if !bytes.Contains(s.Code, old) {
			t.Fatalf("the module has no name %q", name)
		}
		s.Code = bytes.ReplaceAll(s.Code, old, fresh)
	}
}

// runs serves one request through a plugin.
func runs(t *testing.T, spec plugin.Spec) *gateway {
	t.Helper()
	g := serve(t, setup{plugins: []plugin.Spec{spec}})
	if a := g.do(t, "GET", "/", nil); a.status != 200 || a.header.Get("X-Backend") != "yes" {
		t.Errorf("a request through plugin %s got %d %v", spec.Name, a.status, a.header)
	}
	return g
}

// refused loads a plugin that must be refused, with an error of one sentence that has all of the words.
func refused(t *testing.T, spec plugin.Spec, words ...string) {
	t.Helper()
	_, err := tryServe(t, setup{plugins: []plugin.Spec{spec}})
	if err == nil {
		t.Errorf("plugin %s was not refused", spec.Name)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("plugin %s was refused with %q, which lacks %q", spec.Name, err, word)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("plugin %s was refused with more than a sentence: %q", spec.Name, err)
	}
}

// wantLines compares the lines of the guest's log that begin with a prefix.
func (g *gateway) wantLines(t *testing.T, lines ...string) {
	t.Helper()
	if got := g.log(); strings.Join(got, "\n") != strings.Join(lines, "\n") {
		t.Errorf("the guest logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}
