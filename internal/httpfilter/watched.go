package httpfilter

import (
	"github.com/loom-gateway/loom/internal/pluginwatch"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// watched is an exchange that somebody looks at: its record is told what the plugin does.
type watched struct {
	*exchange
	*pluginwatch.Record
}

// Headers implements proxywasm.Exchange.
func (w watched) Headers(t abi.MapType) (proxywasm.HeaderMap, bool) {
	m, writable := w.exchange.Headers(t)
	if m == nil || !writable {
		return m, writable
	}
	return w.Recorded(t, m), true
}

// shown is the exchange as the plugin gets it.
func (x *exchange) shown() proxywasm.Exchange {
	if x.record != nil {
		return watched{x, x.record}
	}
	return x
}

// Interface guards
var (
	_ proxywasm.Exchange   = watched{}
	_ proxywasm.Observer   = watched{}
	_ proxywasm.HostPicker = watched{}
)
