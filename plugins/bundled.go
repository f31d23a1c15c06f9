// Package plugins holds the guest plugins that Loom ships; the small ones are embedded in the binary, so that a
// route may name them without an entry in its `plugins`.
package plugins

import (
	"embed"
	"slices"
	"strings"
)

// Each folder is named as its plugin is, and so is the module in it.
//
//go:embed rate-limit/rate-limit.wasm
var modules embed.FS

const extension = ".wasm"

// Bundled returns the module of a bundled plugin, such as "rate-limit"; ok is false when there is none of that name.
func Bundled(name string) (code []byte, ok bool) {
	if !slices.Contains(BundledNames(), name) {
		return nil, false
	}
	code, err := modules.ReadFile(name + "/" + name + extension)
	return code, err == nil
}

// BundledNames returns the names of the bundled plugins, sorted.
func BundledNames() []string {
	folders, err := modules.ReadDir(".")
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(folders))
	for _, folder := range folders {
		names = append(names, strings.TrimSuffix(folder.Name(), extension))
	}
	slices.Sort(names)
	return names
}
