package httpfilter

import (
	"slices"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// hostInfo is what Higress' plugins read about an endpoint. There are no health checks that could say something else.
const hostInfo = `{"health_status":"Healthy","metrics":""}`

// UpstreamHosts implements proxywasm.HostPicker.
func (x *exchange) UpstreamHosts() []abi.Pair {
	var pairs []abi.Pair
	for _, address := range x.hosts() {
		pairs = append(pairs, abi.Pair{Name: address, Value: hostInfo})
	}
	return pairs
}

// OverrideHost implements proxywasm.HostPicker.
func (x *exchange) OverrideHost(address string) bool {
	if _, asked := x.about.State.Upstream(); asked || !slices.Contains(x.hosts(), address) {
		return false
	}
	x.about.State.SetHost(address)
	return true
}

func (x *exchange) hosts() []string {
	if x.filter.options.Hosts == nil || x.about.Cluster == "" {
		return nil
	}
	return x.filter.options.Hosts(x.about.Cluster)
}

// Interface guard
var _ proxywasm.HostPicker = (*exchange)(nil)
