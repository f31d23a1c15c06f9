package loomadapter

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

func init() {
	caddyconfig.RegisterAdapter("loom", Adapter{})
}

// Adapter is the config adapter `loom`: loom.yaml to Caddy's JSON.
type Adapter struct{}

// Adapt implements caddyconfig.Adapter. The same document, environment and plugin files give the same bytes. The
// option `filename` is the document's; without it (as with POST /load) relative paths start at the working directory.
func (Adapter) Adapt(body []byte, options map[string]any) ([]byte, []caddyconfig.Warning, error) {
	file, _ := options["filename"].(string)
	folder := filepath.Dir(file)
	if file == "" || file == "-" {
		file, folder = "loom.yaml", "."
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("finding the document's folder: %w", err)
	}
	r := &report{file: file}
	doc := decode(body, r, os.LookupEnv)
	if doc == nil {
		return nil, r.warnings, r.err()
	}
	validate(doc, r)
	readPlugins(doc, folder, r)
	findCertificates(doc, folder, r)
	placeLog(doc, folder, r)
	if err := r.err(); err != nil {
		return nil, r.warnings, err
	}
	config := convert(doc, r)
	if err := r.err(); err != nil {
		return nil, r.warnings, err
	}
	out, err := json.Marshal(config)
	return out, r.warnings, err
}

// Interface guard
var _ caddyconfig.Adapter = Adapter{}
