package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Upstream hosts", which only Higress has: a plugin sees the endpoints of the request's upstream, and picks one.

// HostPicker is an Exchange that may know where its request will go.
type HostPicker interface {
	// UpstreamHosts lists the endpoints: the address, and what is known of it as JSON. Empty: not known.
	UpstreamHosts() []abi.Pair
	// OverrideHost makes the endpoint of that address the first to be asked. False: there is none, or it is too late.
	OverrideHost(address string) bool
}

func (in *Instance) hostPicker() HostPicker {
	if s := in.effective.stream; s != nil && !s.finished {
		p, _ := s.ex.(HostPicker)
		return p
	}
	return nil
}

func (in *Instance) getUpstreamHosts(p params) abi.Status {
	picker := in.hostPicker()
	if picker == nil {
		return in.refuse(abi.StatusNotFound, "the context has no request")
	}
	hosts := picker.UpstreamHosts()
	if len(hosts) == 0 {
		return in.refuse(abi.StatusNotFound, "the request's route names no upstream")
	}
	in.scratch = abi.AppendPairs(in.scratch[:0], hosts)
	return in.returnBytes(in.scratch, p.u32(0), p.u32(1))
}

func (in *Instance) setUpstreamOverrideHost(p params) abi.Status {
	var address []byte
	if status := in.inputs(p, 0, &address); status != abi.StatusOK {
		return status
	}
	if picker := in.hostPicker(); picker == nil || !picker.OverrideHost(string(address)) {
		return in.refuseAbout(abi.StatusNotFound, "the request's upstream has no such endpoint, or the request is on its way", address)
	}
	return abi.StatusOK
}
