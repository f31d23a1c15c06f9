package loomadapter

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// readPlugins finds the .wasm files and takes their digests, so that a changed file changes the output, and Caddy
// does not take a reload for unchanged. Relative paths start at the folder of the document.
func readPlugins(doc *Document, folder string, r *report) {
	for i := range doc.Plugins {
		p := &doc.Plugins[i]
		if p.Path == "" {
			continue
		}
		if !filepath.IsAbs(p.Path) {
			p.Path = filepath.Join(folder, p.Path)
		}
		code, err := os.ReadFile(p.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			r.errorf(p.Pos.key("path"), "there is no file %s: build the plugin, or mend the path (relative ones start at the document's folder)", p.Path)
			continue
		case err != nil:
			r.errorf(p.Pos.key("path"), "reading the plugin: %v", err)
			continue
		}
		sum := sha256.Sum256(code)
		digest := hex.EncodeToString(sum[:])
		if p.SHA256 != "" && p.SHA256 != digest {
			r.errorf(p.Pos.key("sha256"), "the file has another digest: %s", digest)
		}
		p.SHA256 = digest
	}
}
