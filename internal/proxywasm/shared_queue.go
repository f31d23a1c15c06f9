package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Shared queues".

func (in *Instance) registerSharedQueue(p params) abi.Status {
	var name []byte
	if status := in.inputs(p, 0, &name); status != abi.StatusOK {
		return status
	}
	if status := in.places(p, 2); status != abi.StatusOK {
		return status
	}
	ready := func(uint32) {}
	if pc := in.effective.plugin; pc != nil {
		ready = pc.onQueueReady
	}
	return in.putUint32(p.u32(2), in.host.Queues.Register(string(name), ready))
}

// onQueueReady is called by the queue, on a goroutine of its own.
func (pc *PluginContext) onQueueReady(token uint32) {
	in := pc.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if !pc.ended && in.ticking {
		_, _ = in.call(in.exports.queueReady, pc.scope(), 0, uint64(pc.id), uint64(token))
	}
}

func (in *Instance) resolveSharedQueue(p params) abi.Status {
	var vmID, name []byte
	if status := in.inputs(p, 0, &vmID, &name); status != abi.StatusOK {
		return status
	}
	id := string(vmID)
	if id == "" {
		id = in.vm.VMID
	}
	token, ok := in.host.Queues.Resolve(id, string(name))
	if !ok {
		return abi.StatusNotFound
	}
	return in.putUint32(p.u32(4), token)
}

const noQueue = "no queue has this token: register or resolve it first"

func (in *Instance) enqueueSharedQueue(p params) abi.Status {
	var value []byte
	if status := in.inputs(p, 1, &value); status != abi.StatusOK {
		return status
	}
	switch status := in.host.Queues.Enqueue(p.u32(0), value); status {
	case abi.StatusNotFound:
		return in.refuse(status, noQueue)
	case abi.StatusInternalFailure:
		return in.refuse(status, "the queue holds as much as it may: nobody takes the values out fast enough")
	default:
		return status
	}
}

func (in *Instance) dequeueSharedQueue(p params) abi.Status {
	if status := in.places(p, 1, 2); status != abi.StatusOK { // before the value is taken
		return status
	}
	value, status := in.host.Queues.Dequeue(p.u32(0))
	if status == abi.StatusNotFound {
		return in.refuse(status, noQueue)
	}
	if status != abi.StatusOK {
		return status
	}
	return in.returnBytes(value, p.u32(1), p.u32(2))
}
