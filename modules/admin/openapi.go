package admin

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"

	"go.yaml.in/yaml/v3"
)

// openapi describes the API; docs/openapi.yaml is a copy of it.
//
//go:embed openapi.yaml
var openapi []byte

func openapiYAML(w http.ResponseWriter, r *http.Request) error {
	return write(w, r, http.StatusOK, "application/yaml", openapi)
}

func openapiJSON(w http.ResponseWriter, r *http.Request) error {
	var document map[string]any
	if err := yaml.Unmarshal(openapi, &document); err != nil {
		return fmt.Errorf("reading the API's description: %w", err)
	}
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the API's description: %w", err)
	}
	return write(w, r, http.StatusOK, "application/json", append(data, '\n'))
}
