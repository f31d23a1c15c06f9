package plugins_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
)

// TestReadmes configures each plugin as its README shows.
func TestReadmes(t *testing.T) {
	t.Parallel()
	guides, err := filepath.Glob("*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, guide := range guides {
		page, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(page)
		if example == nil {
			continue
		}
		tested++
		t.Run(filepath.Dir(guide), func(t *testing.T) {
			t.Parallel()
			name, config := configOf(t, example[1])
			if _, logs, err := open(t, plugin.Spec{Name: name, Code: moduleOf(t, filepath.Dir(guide)), Config: config, Instances: 1}); err != nil {
				t.Error(err, logs.All())
			}
		})
	}
	if tested == 0 {
		t.Error("no README has an example")
	}
}

// configOf reads the plugin of a loom.yaml, or of its first route.
func configOf(t *testing.T, document []byte) (name, config string) {
	t.Helper()
	type entry struct {
		Name   string
		Config any
	}
	var d struct {
		Plugins []entry
		Routes  []struct{ Plugins []entry }
	}
	if err := yaml.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Plugins) == 0 {
		d.Plugins = d.Routes[0].Plugins
	}
	if text, ok := d.Plugins[0].Config.(string); ok {
		return d.Plugins[0].Name, text
	}
	mapping, err := json.Marshal(d.Plugins[0].Config)
	if err != nil {
		t.Fatal(err)
	}
	return d.Plugins[0].Name, string(mapping)
}

// moduleOf is the committed module of a plugin, or one that Go builds.
func moduleOf(t *testing.T, name string) []byte {
	t.Helper()
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return guestbuild.Go(t, name)
	}
	return committed(t, name)
}
