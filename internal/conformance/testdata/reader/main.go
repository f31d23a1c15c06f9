// Command reader is a Proxy-Wasm plugin that reads headers and keeps nothing. The variables SLEEP_START and SLEEP_REQUEST
// let it sleep.
package main

import (
	"os"
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() {
	sleep("SLEEP_START")
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

func sleep(variable string) {
	if d, err := time.ParseDuration(os.Getenv(variable)); err == nil {
		time.Sleep(d)
	}
}

type plugin struct{ types.DefaultPluginContext }

func (*plugin) NewHttpContext(uint32) types.HttpContext { return &exchange{} }

type exchange struct{ types.DefaultHttpContext }

func (*exchange) OnHttpRequestHeaders(int, bool) types.Action {
	sleep("SLEEP_REQUEST")
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
