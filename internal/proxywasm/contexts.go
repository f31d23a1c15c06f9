package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Contexts".

// setEffectiveContext makes the following hostcalls of this callback act on another context of the instance.
func (in *Instance) setEffectiveContext(p params) abi.Status {
	s, ok := in.scopes[p.u32(0)]
	if !ok {
		return in.refuse(abi.StatusBadArgument, "no context of this instance has that id: it has ended, or belongs to another instance")
	}
	in.effective = s
	return abi.StatusOK
}

// getStatus answers for the callout whose response is being delivered.
func (in *Instance) getStatus(p params) abi.Status {
	if status := in.places(p, 0, 1, 2); status != abi.StatusOK {
		return status
	}
	code, message := in.calls.status()
	if status := in.putUint32(p.u32(0), code); status != abi.StatusOK {
		return status
	}
	return in.returnString(message, p.u32(1), p.u32(2))
}

// getConfiguration is ABI 0.1.0's only way to the configurations: the VM's in on_vm_start, else the plugin's.
func (in *Instance) getConfiguration(p params) abi.Status {
	text, _ := in.text(abi.BufferPluginConfiguration)
	if in.starting {
		text = in.vm.Configuration
	}
	return in.returnString(text, p.u32(0), p.u32(1))
}
