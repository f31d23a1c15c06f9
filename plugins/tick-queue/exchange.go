package main

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// exchange is one request and its response.
type exchange struct {
	types.DefaultHttpContext
	plugin       *plugin
	began        time.Time
	method, path string
}

// event is what the upstream gets of a request, as one line of JSON.
type event struct {
	Time       string `json:"time"`
	Method     string `json:"method"`
	Path       string `json:"path"`
	Status     int    `json:"status"` // 0: there was no answer
	DurationMS int64  `json:"duration_ms"`
}

func (e *exchange) OnHttpRequestHeaders(int, bool) types.Action {
	e.method, _ = proxywasm.GetHttpRequestHeader(":method")
	e.path, _ = proxywasm.GetHttpRequestHeader(":path")
	if !e.plugin.config.Query {
		e.path, _, _ = strings.Cut(e.path, "?")
	}
	return types.ActionContinue
}

// OnHttpStreamDone comes once, whatever the end was.
func (e *exchange) OnHttpStreamDone() {
	line, err := json.Marshal(event{
		Time: e.began.UTC().Format(time.RFC3339Nano), Method: e.method, Path: e.path, Status: status(),
		DurationMS: time.Since(e.began).Milliseconds(),
	})
	if err == nil {
		err = proxywasm.EnqueueSharedQueue(e.plugin.queue, line)
	}
	if err != nil {
		proxywasm.LogWarnf("tick-queue: an event is lost: %v", err)
	}
}

func status() int {
	code, err := proxywasm.GetProperty([]string{"response", "code"})
	if err != nil || len(code) != 8 {
		return 0
	}
	return int(binary.LittleEndian.Uint64(code))
}
