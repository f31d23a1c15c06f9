package version

import (
	"runtime/debug"
	"testing"
)

func TestRecorded(t *testing.T) {
	for _, c := range []struct {
		name, want string
		info       debug.BuildInfo
	}{
		{"own binary", "v1.2.3", debug.BuildInfo{Main: debug.Module{Path: loom, Version: "v1.2.3"}}},
		{"work tree", "devel", debug.BuildInfo{Main: debug.Module{Path: loom, Version: "(devel)"}}},
		{"xcaddy", "v1.2.3", debug.BuildInfo{
			Main: debug.Module{Path: "caddy", Version: "(devel)"},
			Deps: []*debug.Module{{Path: loom, Version: "v1.2.3"}},
		}},
		{"neither", "devel", debug.BuildInfo{Main: debug.Module{Path: "caddy", Version: "v9"}}},
	} {
		if got := recorded(&c.info, loom); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
