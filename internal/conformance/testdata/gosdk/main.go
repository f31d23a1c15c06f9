// Command gosdk does what the examples of the Go SDK show, one of them by the name in its configuration.
package main

import (
	"strings"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

func main() {}

func init() { proxywasm.SetVMContext(&vm{}) }

type vm struct{ types.DefaultVMContext }

func (*vm) OnVMStart(int) types.OnVMStartStatus {
	data, err := proxywasm.GetVMConfiguration()
	proxywasm.LogInfof("vm configuration %q %v", data, err)
	return types.OnVMStartStatusOK
}

func (*vm) NewPluginContext(id uint32) types.PluginContext { return &plugin{id: id} }

// plugin is configured with the name of an example and what it needs.
type plugin struct {
	types.DefaultPluginContext
	id      uint32
	example string
	rest    string
	postponed
	queue    uint32
	requests proxywasm.MetricCounter
	open     proxywasm.MetricGauge
	sizes    proxywasm.MetricHistogram
}

func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	data, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		proxywasm.LogCriticalf("no configuration: %v", err)
		return types.OnPluginStartStatusFailed
	}
	p.example, p.rest, _ = strings.Cut(string(data), " ")
	proxywasm.LogInfof("plugin configuration %q", data)
	if err := p.prepare(); err != nil {
		proxywasm.LogCriticalf("starting %s: %v", p.example, err)
		return types.OnPluginStartStatusFailed
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) prepare() (err error) {
	switch p.example {
	case "helloworld", "dispatch_call_on_tick", "foreign_call_on_tick", "postpone_requests":
		return proxywasm.SetTickPeriodMilliSeconds(20)
	case "metrics":
		p.requests = proxywasm.DefineCounterMetric("requests")
		p.open = proxywasm.DefineGaugeMetric("open")
		p.sizes = proxywasm.DefineHistogramMetric("sizes")
	case "shared_data":
		return proxywasm.SetSharedData("count", []byte{0}, 0)
	case "shared_queue_receiver":
		p.queue, err = proxywasm.RegisterSharedQueue("events")
	}
	return err
}

func (p *plugin) NewHttpContext(id uint32) types.HttpContext { return &stream{plugin: p, id: id} }

func (p *plugin) OnPluginDone() bool {
	proxywasm.LogInfo("the plugin is done")
	return true
}
