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
	pc := in.effective.plugin
	if pc == nil {
		return in.refuse(abi.StatusInternalFailure, "no plugin context is there to be told of items")
	}
	token, ok := in.host.Queues.Register(string(name), pc)
	if !ok {
		in.hit(LimitQueues)
		return in.refuseAbout(abi.StatusInternalFailure, "there are too many queues of this vm_id", name)
	}
	return in.putUint32(p.u32(2), token)
}

// QueueReady implements QueueListener.
func (pc *PluginContext) QueueReady(token uint32) bool {
	in := pc.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if pc.ended || !in.ticking {
		return false
	}
	_, err := in.call(in.exports.queueReady, pc.scope(), 0, uint64(pc.id), uint64(token))
	return err == nil
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
		in.hit(LimitQueues)
		return in.refuse(status, "the queue, or all queues of its vm_id, hold as much as they may: nobody takes the values out fast enough")
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

// Interface guard
var _ QueueListener = (*PluginContext)(nil)
