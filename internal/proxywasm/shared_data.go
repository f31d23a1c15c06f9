package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Shared key-value store".

func (in *Instance) getSharedData(p params) abi.Status {
	var key []byte
	if status := in.inputs(p, 0, &key); status != abi.StatusOK {
		return status
	}
	value, cas, ok := in.host.Shared.Get(string(key))
	if !ok {
		return abi.StatusNotFound
	}
	if status := in.places(p, 4); status != abi.StatusOK {
		return status
	}
	if status := in.returnBytes(value, p.u32(2), p.u32(3)); status != abi.StatusOK {
		return status
	}
	return in.putUint32(p.u32(4), cas)
}

func (in *Instance) setSharedData(p params) abi.Status {
	var key, value []byte
	if status := in.inputs(p, 0, &key, &value); status != abi.StatusOK {
		return status
	}
	set := in.host.Shared.Set
	if in.module.options.Profile.swapsSharedData() {
		set = in.host.Shared.Swap
		if p.u32(2) != 0 && value == nil {
			value = []byte{} // an empty value, where a null pointer deletes
		}
	}
	status := set(string(key), value, p.u32(4))
	if status == abi.StatusInternalFailure {
		in.hit(LimitSharedData)
		return in.refuse(status, "the shared data of this vm_id is as large as it may be")
	}
	return status
}

// swapsSharedData: in Kong's host a CAS number of 0 stands for a key that does not exist, where it stands for any in
// Envoy, and a null pointer deletes the key.
func (p Profile) swapsSharedData() bool {
	return p == ProfileKong
}
