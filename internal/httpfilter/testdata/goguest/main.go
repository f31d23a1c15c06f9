// Command goguest is a guest of the official Go SDK that does what its tests look for: bodies both ways, a local
// response, configuration, shared data, a log line.
package main

import (
	"bytes"
	"encoding/binary"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

type plugin struct {
	types.DefaultPluginContext
	suffix []byte
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	var err error
	if p.suffix, err = proxywasm.GetPluginConfiguration(); err != nil {
		proxywasm.LogCriticalf("reading the configuration: %v", err)
		return types.OnPluginStartStatusFailed
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &exchange{plugin: p} }

type exchange struct {
	types.DefaultHttpContext
	plugin          *plugin
	request, answer int
}

func (e *exchange) OnHttpRequestHeaders(int, bool) types.Action {
	path, err := proxywasm.GetHttpRequestHeader(":path")
	if err != nil {
		proxywasm.LogCriticalf("reading the path: %v", err)
	}
	if path == "/forbidden" {
		if err := proxywasm.SendHttpResponse(403, [][2]string{{"x-why", "path"}}, []byte("no entry"), -1); err != nil {
			proxywasm.LogCriticalf("answering: %v", err)
		}
		return types.ActionPause
	}
	e.count()
	return types.ActionContinue
}

// count counts requests in the shared data, so that all instances count together.
func (e *exchange) count() {
	for {
		value, cas, err := proxywasm.GetSharedData("requests")
		if err != nil && err != types.ErrorStatusNotFound {
			proxywasm.LogCriticalf("reading shared data: %v", err)
			return
		}
		n := uint32(1)
		if len(value) == 4 {
			n += binary.LittleEndian.Uint32(value)
		}
		if proxywasm.SetSharedData("requests", binary.LittleEndian.AppendUint32(nil, n), cas) == nil {
			proxywasm.LogInfof("request %d", n)
			return
		}
	}
}

func (e *exchange) OnHttpRequestBody(size int, end bool) types.Action {
	if !end {
		return types.ActionPause
	}
	body, err := proxywasm.GetHttpRequestBody(0, size)
	if err == nil {
		err = proxywasm.ReplaceHttpRequestBody(append(bytes.ToUpper(body), e.plugin.suffix...))
	}
	if err != nil && err != types.ErrorStatusNotFound {
		proxywasm.LogCriticalf("rewriting the request: %v", err)
	}
	return types.ActionContinue
}

func (e *exchange) OnHttpResponseHeaders(int, bool) types.Action {
	if err := proxywasm.AddHttpResponseHeader("x-guest", "go"); err != nil {
		proxywasm.LogCriticalf("adding a header: %v", err)
	}
	return types.ActionContinue
}

func (e *exchange) OnHttpResponseBody(_ int, end bool) types.Action {
	if !end {
		return types.ActionPause
	}
	if err := proxywasm.AppendHttpResponseBody(e.plugin.suffix); err != nil {
		proxywasm.LogCriticalf("rewriting the response: %v", err)
	}
	return types.ActionContinue
}
