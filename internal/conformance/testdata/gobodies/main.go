// Command gobodies is a guest of the official Go SDK that changes bodies as its configuration says: append, prepend or
// replace.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

type plugin struct {
	types.DefaultPluginContext
	edit string
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	edit, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		return types.OnPluginStartStatusFailed
	}
	p.edit = string(edit)
	return types.OnPluginStartStatusOK
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext { return &exchange{edit: p.edit} }

type exchange struct {
	types.DefaultHttpContext
	edit string
}

func (e *exchange) OnHttpRequestBody(_ int, end bool) types.Action {
	return e.change(end, proxywasm.AppendHttpRequestBody, proxywasm.PrependHttpRequestBody, proxywasm.ReplaceHttpRequestBody)
}

func (e *exchange) OnHttpResponseBody(_ int, end bool) types.Action {
	return e.change(end, proxywasm.AppendHttpResponseBody, proxywasm.PrependHttpResponseBody, proxywasm.ReplaceHttpResponseBody)
}

func (e *exchange) change(end bool, add, prepend, replace func([]byte) error) types.Action {
	if !end {
		return types.ActionPause
	}
	edits := map[string]func([]byte) error{"append": add, "prepend": prepend, "replace": replace}
	if err := edits[e.edit]([]byte("-go-")); err != nil {
		proxywasm.LogCriticalf("changing the body: %v", err)
	}
	return types.ActionContinue
}
