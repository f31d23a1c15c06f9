package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "gRPC calls": not available in this version. The answers are those that the SDKs turn into an error
// instead of a panic: calls cannot be started, and there is no token that could be known.

func (in *Instance) grpcCall(params) abi.Status {
	in.warnOnce("the plugin makes gRPC calls, which this version of Loom does not offer; the call failed")
	return abi.StatusInternalFailure
}

func (in *Instance) grpcStream(p params) abi.Status { return in.grpcCall(p) }

func (in *Instance) grpcToken(params) abi.Status { return abi.StatusNotFound }
