// Command body-rewrite is a Proxy-Wasm plugin that reads request and response bodies whole and replaces text in them.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// main is never called: the gateway runs the init functions and then the callbacks.
func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

// plugin is one configuration; a gateway may have several in one instance.
type plugin struct {
	types.DefaultPluginContext
	config config
}

// OnPluginStart reads the configuration and refuses one that it does not understand.
func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	document, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		document = nil // hosts say so when there is none
	}
	if p.config, err = parse(document); err != nil {
		proxywasm.LogErrorf("body-rewrite: %v", err)
		return types.OnPluginStartStatusFailed
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext {
	return &exchange{
		config:   &p.config,
		request:  message{rewrite: p.config.Request, side: requestSide()},
		response: message{rewrite: p.config.Response, side: responseSide()},
	}
}

// exchange is one request and its response.
type exchange struct {
	types.DefaultHttpContext
	config            *config
	request, response message
}

func (e *exchange) OnHttpRequestHeaders(_ int, endOfStream bool) types.Action {
	if e.config.Response != nil {
		// A compressed response could not be read; what the backend sends in the clear, others may compress behind us.
		warn("asking for plain responses", proxywasm.RemoveHttpRequestHeader("accept-encoding"))
	}
	e.request.begin(endOfStream)
	return types.ActionContinue
}

func (e *exchange) OnHttpRequestBody(size int, endOfStream bool) types.Action {
	return e.request.data(size, endOfStream)
}

func (e *exchange) OnHttpRequestTrailers(int) types.Action {
	e.request.end()
	return types.ActionContinue
}

func (e *exchange) OnHttpResponseHeaders(_ int, endOfStream bool) types.Action {
	if status, _ := proxywasm.GetHttpResponseHeader(":status"); status == "206" {
		return types.ActionContinue // a part of a body, whose ranges must stay right
	}
	e.response.begin(endOfStream)
	return types.ActionContinue
}

func (e *exchange) OnHttpResponseBody(size int, endOfStream bool) types.Action {
	return e.response.data(size, endOfStream)
}

func (e *exchange) OnHttpResponseTrailers(int) types.Action {
	e.response.end()
	return types.ActionContinue
}
