package loom_test

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	_ "github.com/loom-gateway/loom"
	"github.com/loom-gateway/loom/internal/configdoc"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const (
	configurationPage   = "docs/configuration.md"
	configurationMarker = "<!-- made from the structs in modules/ and their comments by `go test . -run Configuration -update`; edit there -->\n"
)

// loomModules are the modules that Loom gives to Caddy.
func loomModules(t *testing.T) (list []configdoc.Module) {
	t.Helper()
	for _, id := range caddy.Modules() {
		info, err := caddy.GetModule(id)
		if err != nil {
			t.Fatal(err)
		}
		typ := reflect.TypeOf(info.New())
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if strings.HasPrefix(typ.PkgPath(), modulePath) {
			list = append(list, configdoc.Module{ID: id, Type: typ})
		}
	}
	slices.SortStableFunc(list, func(a, b configdoc.Module) int { // the app first: the others name what is in it
		return strings.Count(a.ID, ".") - strings.Count(b.ID, ".")
	})
	return list
}

func TestConfigurationIsFresh(t *testing.T) {
	page, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(page), configurationMarker)
	if !ok {
		t.Fatalf("%s has no line %s", configurationPage, configurationMarker)
	}
	reference, err := configdoc.Page(&configdoc.Source{Module: modulePath, Dir: "."}, loomModules(t))
	if err != nil {
		t.Fatal(err)
	}
	want := head + configurationMarker + "\n" + reference
	if *update {
		if err := os.WriteFile(configurationPage, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("%s is not what the structs say: run go test . -run Configuration -update", configurationPage)
	}
}

// The config at the top of the page is one that Caddy loads.
func TestConfigurationExample(t *testing.T) {
	page, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(page), "```json\n")
	example, _, end := strings.Cut(example, "```")
	if !ok || !end {
		t.Fatal("there is no example")
	}
	var config caddy.Config
	if err := json.Unmarshal([]byte(example), &config); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&config); err != nil {
		t.Error(err)
	}
}
