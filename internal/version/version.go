// Package version says which version of Loom, and of the modules in it, a binary has.
package version

import (
	"cmp"
	"runtime/debug"
)

const (
	loom    = "github.com/loom-gateway/loom"
	unknown = "devel"
)

// version is set by the linker: -ldflags "-X github.com/loom-gateway/loom/internal/version.version=v1.2.3".
var version string

// Loom is what the linker was told, else what Go recorded about the module, else `devel`.
func Loom() string { return cmp.Or(version, Of(loom)) }

// Of is what Go recorded about a module: the main one of a binary, or one of its dependencies, as Loom is in a Caddy that xcaddy
// built. `devel` if it has recorded nothing.
func Of(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	return recorded(info, module)
}

func recorded(info *debug.BuildInfo, module string) string {
	found := ""
	if info.Main.Path == module {
		found = info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			found = dep.Version
		}
	}
	if found == "" || found == "(devel)" {
		return unknown
	}
	return found
}
