// Command reader is a Proxy-Wasm plugin that reads headers and keeps nothing.
package main

import (
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

type plugin struct{ types.DefaultPluginContext }

func (*plugin) NewHttpContext(uint32) types.HttpContext { return &exchange{} }

type exchange struct{ types.DefaultHttpContext }

func (*exchange) OnHttpRequestHeaders(int, bool) types.Action {
	for range 10 {
		if _, err := proxywasm.GetHttpRequestHeader("x-api-key"); err != nil {
			panic(err)
		}
	}
	if _, err := proxywasm.GetHttpRequestHeaders(); err != nil {
		panic(err)
	}
	return types.ActionContinue
}
