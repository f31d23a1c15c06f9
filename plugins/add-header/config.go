package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

// config is the plugin configuration, a JSON document.
type config struct {
	Request  changes `json:"request"`
	Response changes `json:"response"`
}

// changes are applied in this order: remove, set, add; within one of them by name.
type changes struct {
	// Remove these headers.
	Remove []string `json:"remove"`
	// Set replaces all values of a header.
	Set map[string]string `json:"set"`
	// Add adds values and keeps those that are there.
	Add map[string]values `json:"add"`
}

// values is one string or a list of them.
type values []string

// withoutConfig is what the plugin does when nothing is configured: something that a first try can see.
var withoutConfig = config{Response: changes{Set: map[string]string{"x-plugin": "add-header"}}}

func parse(document []byte) (config, error) {
	if len(bytes.TrimSpace(document)) == 0 {
		return withoutConfig, nil
	}
	var c config
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return config{}, fmt.Errorf(`reading the configuration: %w; an example: {"response": {"set": {"x-served-by": "loom"}}}`, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return config{}, errors.New("reading the configuration: there is something behind the document")
	}
	return c, errors.Join(c.Request.check("request"), c.Response.check("response"))
}

func (v *values) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*v = values{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(v))
}

func (c changes) check(where string) error {
	names := slices.Concat(c.Remove, slices.Collect(maps.Keys(c.Set)), slices.Collect(maps.Keys(c.Add)))
	if slices.Contains(names, "") {
		return fmt.Errorf("%s: a header has no name", where)
	}
	return nil
}

// headerMap is the request's or the response's headers.
type headerMap struct {
	remove   func(name string) error
	set, add func(name, value string) error
}

func (c changes) apply(h headerMap) {
	for _, name := range c.Remove {
		warn("removing", name, h.remove(name))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Set)) {
		warn("setting", name, h.set(name, c.Set[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Add)) {
		for _, value := range c.Add[name] {
			warn("adding", name, h.add(name, value))
		}
	}
}

// warn reports what the gateway refused; the request goes on without that change.
func warn(doing, name string, err error) {
	if err != nil {
		proxywasm.LogWarnf("add-header: %s %q: %v", doing, name, err)
	}
}
