package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// config is the plugin configuration, a JSON document.
type config struct {
	// Upstream is the named upstream that gets the events. Required.
	Upstream string `json:"upstream"`
	// Path and Authority of the calls. Default: /, and the upstream's name.
	Path      string `json:"path"`
	Authority string `json:"authority"`
	// Headers are added to each call.
	Headers map[string]string `json:"headers"`
	// FlushIntervalMS is the time between two calls. Default: 1000.
	FlushIntervalMS uint32 `json:"flush_interval_ms"`
	// TimeoutMS is the longest that a call may take. Default: 5000.
	TimeoutMS uint32 `json:"timeout_ms"`
	// Batch is the most events of one call. Default: 500.
	Batch int `json:"batch"`
	// MaxPending is how many events an instance keeps while the upstream is slow or down; the oldest give way. Default: 10000.
	MaxPending int `json:"max_pending"`
	// Retries is how often a failed batch is sent again before it is given up. Default: 5.
	Retries *int `json:"retries"`
	// Query says whether the query, where secrets may stand, is part of the path in an event. Default: false.
	Query bool `json:"query"`
	// Queue is the name of the shared queue. Default: tick-queue. Plugins of one vm_id with the same name share it.
	Queue string `json:"queue"`
}

const example = `{"upstream": "collector", "path": "/events"}`

const (
	defaultFlushIntervalMS = 1000
	defaultTimeoutMS       = 5000
	defaultBatch           = 500
	defaultMaxPending      = 10_000
	defaultRetries         = 5
)

func parse(document []byte) (config, error) {
	var c config
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return config{}, fmt.Errorf("reading the configuration: %w; an example: %s", err, example)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return config{}, errors.New("reading the configuration: there is something behind the document")
	}
	c = c.withDefaults()
	return c, c.check()
}

func (c config) withDefaults() config {
	c.Path = orDefault(c.Path, "/")
	c.Authority = orDefault(c.Authority, c.Upstream)
	c.FlushIntervalMS = orDefault(c.FlushIntervalMS, defaultFlushIntervalMS)
	c.TimeoutMS = orDefault(c.TimeoutMS, defaultTimeoutMS)
	c.Batch = orDefault(c.Batch, defaultBatch)
	c.MaxPending = orDefault(c.MaxPending, defaultMaxPending)
	c.Queue = orDefault(c.Queue, "tick-queue")
	if c.Retries == nil {
		retries := defaultRetries
		c.Retries = &retries
	}
	return c
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

func (c config) check() error {
	switch {
	case c.Upstream == "":
		return errors.New("upstream is missing: write the name of an upstream; an example: " + example)
	case !strings.HasPrefix(c.Path, "/"):
		return fmt.Errorf("path %q does not begin with /", c.Path)
	case c.Batch < 1 || c.MaxPending < c.Batch:
		return fmt.Errorf("batch is %d and max_pending %d: write a batch of 1 or more, and no less for max_pending", c.Batch, c.MaxPending)
	case *c.Retries < 0:
		return fmt.Errorf("retries is %d: write 0 or more", *c.Retries)
	}
	return nil
}
