package conformance

import (
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
)

// goSDKBodies is B-16.
func goSDKBodies(t *testing.T) {
	code := guestbuild.Go(t, "testdata/gobodies")
	for edit, want := range map[string]string{"append": "abc-go-", "prepend": "-go-abc", "replace": "-go-"} {
		g := serve(t, setup{plugins: []plugin.Spec{{Name: "gobodies", Code: code, Config: edit, Instances: 1}}, backend: readingBackend})
		a := g.do(t, "POST", "/", strings.NewReader("abc"))
		sent := "length=" + map[bool]string{true: "4 ", false: "7 "}[edit == "replace"] + want
		answer := map[string]string{"append": sent + "-go-", "prepend": "-go-" + sent, "replace": "-go-"}[edit]
		if a.body != answer {
			t.Errorf("%s: %q, want %q", edit, a.body, answer)
		}
	}
}
