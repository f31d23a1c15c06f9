package cmd

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

func TestTakeWatch(t *testing.T) {
	for _, c := range []struct{ args, rest, adapter string }{
		{"run --config x.yaml --adapter loom --watch", "run --config x.yaml --adapter loom", "loom"},
		{"run -w --config Caddyfile", "run --config Caddyfile", "caddyfile"},
		{"run --watch=true --config x.json", "run --config x.json", ""},
		{"run --config x.yaml --adapter loom", "", ""},
		{"run --watch=false --config x.json", "", ""},
		{"run --watch", "", ""},
		{"run --watch --config -", "", ""},
		{"start --watch --config x.yaml", "", ""}, // what it starts is a run
	} {
		given := append([]string{"loom"}, strings.Fields(c.args)...)
		rest, w := takeWatch(given)
		switch {
		case c.rest == "" && (w != nil || !slices.Equal(rest, given)):
			t.Errorf("%s: taken, %v", c.args, rest)
		case c.rest != "" && (w == nil || strings.Join(rest[1:], " ") != c.rest || w.adapter != c.adapter):
			t.Errorf("%s: %v, watcher %+v", c.args, rest, w)
		}
	}
}

// watched is a watcher of a config in a folder, and what it has applied.
type watched struct {
	t       *testing.T
	folder  string
	applied []string
	refuse  bool
	*watcher
}

func watch(t *testing.T, config string) *watched {
	t.Helper()
	w := &watched{t: t, folder: t.TempDir()}
	w.watcher = &watcher{file: filepath.Join(w.folder, "config.json"), apply: func(config []byte, force bool) error {
		text := string(config)
		if force {
			text += " forced"
		}
		w.applied = append(w.applied, text)
		if w.refuse {
			return errors.New("refused")
		}
		return nil
	}}
	w.save("config.json", config)
	if err := w.remember(); err != nil {
		t.Fatal(err)
	}
	return w
}

// save replaces the file, as editors do.
func (w *watched) save(name, text string) {
	w.t.Helper()
	temporary := filepath.Join(w.folder, "new")
	if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(w.folder, name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) want(applied ...string) {
	w.t.Helper()
	for range 3 {
		w.look()
	}
	if !slices.Equal(w.applied, applied) {
		w.t.Errorf("applied %q, want %q", w.applied, applied)
	}
	w.applied = nil
}

func TestWatch(t *testing.T) {
	w := watch(t, `{"a": 1}`)
	w.want()
	w.save("config.json", `{"a": 2}`)
	w.want(`{"a": 2}`)
	w.save("config.json", `{"a": 2}`) // nothing new in it
	w.want()
	w.refuse = true
	w.save("config.json", `{"a": 3}`)
	w.want(`{"a": 3}`)
	w.refuse = false
	w.save("config.json", `{"a": 4}`)
	w.want(`{"a": 4}`)
}

// TestWatchGoesOn is what Caddy's own does not.
func TestWatchGoesOn(t *testing.T) {
	w := watch(t, `{"a": 1}`)
	if err := os.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	w.want()
	w.adapter = "none of the kind"
	w.save("config.json", `{"a": 2}`)
	w.want()
	w.adapter = ""
	w.save("config.json", `{"a": 3}`)
	w.want(`{"a": 3}`)
}

// saver is an adapter under whose hands the file is saved once more.
type saver struct{ save func() }

func (s *saver) Adapt(body []byte, _ map[string]any) ([]byte, []caddyconfig.Warning, error) {
	if s.save != nil {
		s.save()
		s.save = nil
	}
	return body, nil, nil
}

// TestWatchSaveWhileReading has the later save be applied too.
func TestWatchSaveWhileReading(t *testing.T) {
	w, adapter := watch(t, `{"a": 1}`), new(saver)
	caddyconfig.RegisterAdapter("saved while it is read", adapter)
	w.adapter = "saved while it is read"
	adapter.save = func() { w.save("config.json", `{"a": 3}`) }
	w.save("config.json", `{"a": 2}`)
	w.want(`{"a": 2}`)
	w.want(`{"a": 3}`)
}

func TestWatchNamedFiles(t *testing.T) {
	w := watch(t, "")
	plugin := filepath.Join(w.folder, "plugin.wasm")
	w.save("plugin.wasm", "one")
	config := `{"path": "` + plugin + `", "text": "no.file"}`
	w.save("config.json", config)
	w.want(config)
	w.save("plugin.wasm", "two")
	w.want(config + " forced")
}

// TestWatchWaits until a file is written.
func TestWatchWaits(t *testing.T) {
	w := watch(t, `{"a": 1}`)
	for _, text := range []string{`{`, `{"a"`, `{"a": 2}`} {
		w.save("config.json", text)
		w.look()
	}
	if len(w.applied) > 0 {
		t.Errorf("applied %q while it was written", w.applied)
	}
	w.want(`{"a": 2}`)
}
