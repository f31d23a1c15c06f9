package loomadapter

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loom-gateway/loom/internal/nearest"
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

// findCertificates makes the paths of certificates absolute, and reports those that are not there.
func findCertificates(doc *Document, folder string, r *report) {
	find := func(path *string, at Pos) {
		if *path == "" || strings.Contains(*path, "{") {
			return
		}
		if !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
		if _, err := os.Stat(*path); err != nil {
			r.errorf(at, "there is no file %s: mend the path (relative ones start at the document's folder)", *path)
		}
	}
	for i := range doc.Listeners {
		if t := doc.Listeners[i].TLS; t != nil {
			find(&t.Cert, t.Pos.key("cert"))
			find(&t.Key, t.Pos.key("key"))
			find(&t.ClientCA, t.Pos.key("client_ca"))
		}
	}
	client := func(t *UpstreamTLS) {
		if t != nil {
			find(&t.CA, t.Pos.key("ca"))
			find(&t.Cert, t.Pos.key("cert"))
			find(&t.Key, t.Pos.key("key"))
		}
	}
	for i := range doc.Upstreams {
		client(doc.Upstreams[i].TLS)
	}
	for i := range doc.Redis {
		client(doc.Redis[i].TLS)
	}
}

// placeLog makes the path of the access log absolute, and reports one that cannot be a file.
func placeLog(doc *Document, folder string, r *report) {
	l := doc.AccessLog
	if l == nil || l.Output == "" || slices.Contains(logStreams(), l.Output) || strings.HasPrefix(l.Output, "{") {
		return
	}
	if meant := nearest.Word(l.Output, logStreams()); meant != "" {
		r.errorf(l.Pos.key("output"), "%q: did you mean %q? A file of that name is ./%s", l.Output, meant, l.Output)
		return
	}
	if !filepath.IsAbs(l.Output) {
		l.Output = filepath.Join(folder, l.Output)
	}
	if info, err := os.Stat(l.Output); err == nil && info.IsDir() {
		r.errorf(l.Pos.key("output"), "%s is a folder: write the name of a file in it, such as %s", l.Output, filepath.Join(l.Output, "access.log"))
	}
}
