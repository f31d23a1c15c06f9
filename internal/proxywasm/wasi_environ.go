package proxywasm

import (
	"slices"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// WASI: there are no arguments, and the environment is the one that the plugin's configuration gives.

func (in *Instance) wasiArgsSizes(p params) uint32 { return in.wasiPair(p, 0, 0) }

func (in *Instance) wasiPair(p params, a, b uint32) uint32 {
	if !in.writable(p.u32(0)) || !in.writable(p.u32(1)) {
		return wasiFault
	}
	_ = in.putUint32(p.u32(0), a)
	return errnoOf(in.putUint32(p.u32(1), b))
}

func environment(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value+"\x00")
	}
	slices.Sort(list)
	return list
}

func (in *Instance) wasiEnvironSizes(p params) uint32 {
	size := 0
	for _, e := range in.env {
		size += len(e)
	}
	return in.wasiPair(p, uint32(len(in.env)), uint32(size))
}

func (in *Instance) wasiEnviron(p params) uint32 {
	pointers, at := p.u32(0), p.u32(1)
	for _, e := range in.env {
		if in.putUint32(pointers, at) != abi.StatusOK || !in.memory.WriteString(at, e) {
			return wasiFault
		}
		pointers, at = pointers+4, at+uint32(len(e))
	}
	return wasiOK
}
