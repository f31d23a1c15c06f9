package cmd

import (
	"runtime/debug"
	"testing"
)

func TestRecordedVersion(t *testing.T) {
	const path = "github.com/loom-gateway/loom"
	for _, c := range []struct {
		name, want string
		info       debug.BuildInfo
	}{
		{"own binary", "v1.2.3", debug.BuildInfo{Main: debug.Module{Path: path, Version: "v1.2.3"}}},
		{"work tree", "devel", debug.BuildInfo{Main: debug.Module{Path: path, Version: "(devel)"}}},
		{"xcaddy", "v1.2.3", debug.BuildInfo{
			Main: debug.Module{Path: "caddy", Version: "(devel)"},
			Deps: []*debug.Module{{Path: path, Version: "v1.2.3"}},
		}},
		{"neither", "devel", debug.BuildInfo{Main: debug.Module{Path: "caddy", Version: "v9"}}},
	} {
		if got := recorded(&c.info); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
