package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Time": nanoseconds since the Unix epoch, as 64 bits.
func (in *Instance) getCurrentTime(p params) abi.Status {
	return in.putUint64(p.u32(0), uint64(in.host.Now().UnixNano()))
}
