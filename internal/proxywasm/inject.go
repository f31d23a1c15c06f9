package proxywasm

import (
	"github.com/loom-gateway/loom/internal/protofields"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Streams", Higress' part: a plugin that has stopped a response body sends bytes of its own meanwhile.

// Injection is what a guest sends to the client of a stream, past what it holds.
type Injection struct {
	Data []byte
	// End says that nothing follows: what the backend still sends is dropped.
	End bool
}

// injectEncodedData is the import of Higress' ABI 0.2.100.
func (in *Instance) injectEncodedData(p params) abi.Status {
	var data []byte
	if status := in.inputs(p, 0, &data); status != abi.StatusOK {
		return status
	}
	return in.inject(data, p.u32(2) != 0)
}

// inject is deferred as everything else that a guest does to a stream: the bytes go out when the callback has returned.
func (in *Instance) inject(data []byte, end bool) abi.Status {
	s := in.effective.stream
	if s == nil || s.finished || s.replied {
		return abi.StatusBadArgument
	}
	if s.injected == nil {
		s.injected = new(Injection)
	}
	if len(s.injected.Data)+len(data) > maxInjected {
		in.hit(LimitInjected)
		return abi.StatusInternalFailure
	}
	if !s.injected.End {
		s.injected.Data, s.injected.End = append(s.injected.Data, data...), end
	}
	s.wakeUp()
	return abi.StatusOK
}

// injectForeign is the same as a foreign function; its argument is the message {body = 1, endstream = 2}.
func (in *Instance) injectForeign(args []byte) ([]byte, abi.Status) {
	m, ok := protofields.Decode(args)
	if !ok {
		return nil, abi.StatusBadArgument
	}
	return nil, in.inject(m.Text(1), m.Number(2) != 0)
}
