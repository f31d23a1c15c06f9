package plugin

import (
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// ForeignFunctions runs a foreign function of the gateway for a plugin. An unknown name is StatusNotFound.
type ForeignFunctions func(plugin string, c proxywasm.ForeignCall) ([]byte, abi.Status)

// foreignSwitch has the foreign functions of the running config. A plugin outlives configs, so it must not keep them.
type foreignSwitch struct {
	plugin  string
	current atomic.Pointer[ForeignFunctions]
}

// Call implements proxywasm.Foreign.
func (s *foreignSwitch) Call(c proxywasm.ForeignCall) ([]byte, abi.Status) {
	if f := s.current.Load(); f != nil && *f != nil {
		return (*f)(s.plugin, c)
	}
	return nil, abi.StatusNotFound
}

// SetForeign makes f the foreign functions that the plugin may call.
func (p *Plugin) SetForeign(f ForeignFunctions) { p.foreign.current.Store(&f) }

// Interface guard
var _ proxywasm.Foreign = (*foreignSwitch)(nil)
