// Command add-header is a Proxy-Wasm plugin that sets, adds and removes request and response headers.
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
		proxywasm.LogErrorf("add-header: %v", err)
		return types.OnPluginStartStatusFailed
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext {
	return &exchange{config: &p.config}
}

// exchange is one request and its response.
type exchange struct {
	types.DefaultHttpContext
	config *config
}

func (e *exchange) OnHttpRequestHeaders(int, bool) types.Action {
	e.config.Request.apply(headerMap{
		remove: proxywasm.RemoveHttpRequestHeader,
		set:    proxywasm.ReplaceHttpRequestHeader,
		add:    proxywasm.AddHttpRequestHeader,
	})
	return types.ActionContinue
}

func (e *exchange) OnHttpResponseHeaders(int, bool) types.Action {
	e.config.Response.apply(headerMap{
		remove: proxywasm.RemoveHttpResponseHeader,
		set:    proxywasm.ReplaceHttpResponseHeader,
		add:    proxywasm.AddHttpResponseHeader,
	})
	return types.ActionContinue
}
