package proxywasm

import (
	"fmt"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "gRPC calls".

// grpcCall has 12 parameters, or 10 in AssemblyScript's SDK, which leaves out the initial metadata.
func (in *Instance) grpcCall(p params) abi.Status {
	var message []byte
	rest := 6 // where the parameters behind the names begin
	if len(p) == 12 {
		rest = 8
	}
	if status := in.inputs(p, rest, &message); status != abi.StatusOK {
		return status
	}
	call, status, err := in.newGRPCCall(p, rest == 8)
	if status != abi.StatusOK {
		return status
	}
	call.Message = append([]byte(nil), message...)
	call.Timeout = time.Duration(p.u32(rest+2)) * time.Millisecond
	return in.openGRPC(p.u32(rest+3), len(message), err, func(c *openCall) (func(), error) {
		call.Metadata = c.observe(KindGRPC, call.Upstream, call.Metadata)
		return in.host.GRPC.CallGRPC(call, func(r GRPCResult) { in.onGRPCResult(c, r) })
	})
}

// grpcStream has 9 parameters, or 7 without the initial metadata.
func (in *Instance) grpcStream(p params) abi.Status {
	withMetadata := len(p) == 9
	call, status, err := in.newGRPCCall(p, withMetadata)
	if status != abi.StatusOK {
		return status
	}
	token := p.u32(len(p) - 1)
	return in.openGRPC(token, 0, err, func(c *openCall) (func(), error) {
		call.Metadata = c.observe(KindGRPC, call.Upstream, call.Metadata)
		stream, err := in.host.GRPC.StreamGRPC(call, grpcEvents{in, c})
		if err != nil {
			return nil, err
		}
		c.grpc = stream
		return stream.Cancel, nil
	})
}

// newGRPCCall reads what both kinds of calls begin with.
func (in *Instance) newGRPCCall(p params, withMetadata bool) (GRPCCall, abi.Status, error) {
	var upstream, service, method, metadata []byte
	if status := in.inputs(p, 0, &upstream, &service, &method); status != abi.StatusOK {
		return GRPCCall{}, status, nil
	}
	if withMetadata {
		if status := in.inputs(p, 6, &metadata); status != abi.StatusOK {
			return GRPCCall{}, status, nil
		}
	}
	pairs, err := abi.DecodePairs(metadata)
	if err != nil {
		err = fmt.Errorf("%w: its metadata are a %w", ErrBadCall, err)
	}
	return GRPCCall{
		Upstream: string(upstream), Service: string(service), Method: string(method), Metadata: pairs,
	}, abi.StatusOK, err
}

// openGRPC opens a call and hands its token to the guest. An unknown upstream is a parse failure: Envoy reads the name as
// a serialized configuration, and Rust's SDK panics on a bad argument.
func (in *Instance) openGRPC(outToken uint32, bytes int, err error, open func(c *openCall) (func(), error)) abi.Status {
	var c *openCall
	if err == nil {
		c, err = in.newCall(bytes)
	}
	if err == nil {
		if status := in.putUint32(outToken, c.token); status != abi.StatusOK {
			return status
		}
		cancel, refused := open(c)
		err = in.begin(c, cancel, refused)
	}
	if err != nil {
		return in.refuseCall(err, abi.StatusParseFailure)
	}
	return abi.StatusOK
}

// onGRPCResult is called by the caller. Success is a message and nothing else; a failure is a close with its status.
func (in *Instance) onGRPCResult(c *openCall, r GRPCResult) {
	if r.Code != 0 {
		in.deliver(c, true, in.exports.grpcClose, answer{code: r.Code, message: r.Text}, uint64(r.Code))
		return
	}
	a := answer{body: r.Message, bodyType: abi.BufferGRPCCallMessage}
	in.deliver(c, true, in.exports.grpcReceive, a, uint64(len(r.Message)))
}

// grpcEvents hands what arrives on a stream to the guest.
type grpcEvents struct {
	in *Instance
	c  *openCall
}

// InitialMetadata implements GRPCHandler.
func (e grpcEvents) InitialMetadata(pairs []abi.Pair) {
	a := answer{headersType: abi.MapGRPCCallInitialMetadata, headers: readOnlyMap{pairs: pairs}}
	e.in.deliver(e.c, false, e.in.exports.grpcInitialMetadata, a, uint64(len(pairs)))
}

// Message implements GRPCHandler.
func (e grpcEvents) Message(message []byte) {
	a := answer{body: message, bodyType: abi.BufferGRPCCallMessage}
	e.in.deliver(e.c, false, e.in.exports.grpcReceive, a, uint64(len(message)))
}

// TrailingMetadata implements GRPCHandler.
func (e grpcEvents) TrailingMetadata(pairs []abi.Pair) {
	a := answer{headersType: abi.MapGRPCCallInitialMetadata, trailers: readOnlyMap{pairs: pairs}}
	e.in.deliver(e.c, false, e.in.exports.grpcTrailingMetadata, a, uint64(len(pairs)))
}

// Closed implements GRPCHandler.
func (e grpcEvents) Closed(code uint32, text string) {
	e.in.deliver(e.c, true, e.in.exports.grpcClose, answer{code: code, message: text}, uint64(code))
}

func (in *Instance) grpcSend(p params) abi.Status {
	var message []byte
	if status := in.inputs(p, 1, &message); status != abi.StatusOK {
		return status
	}
	c := in.calls.open[p.u32(0)]
	switch {
	case c == nil:
		return abi.StatusNotFound
	case c.grpc == nil:
		return in.refuse(abi.StatusBadArgument, "the token is not that of a gRPC stream")
	}
	if err := c.grpc.Send(message); err != nil {
		return in.refuseAbout(abi.StatusBadArgument, "the message cannot be sent", []byte(err.Error()))
	}
	if p.u32(3) != 0 {
		c.grpc.CloseSend()
	}
	return abi.StatusOK
}

// grpcCancel ends a call or a stream; no callback about it follows.
func (in *Instance) grpcCancel(p params) abi.Status {
	c := in.calls.open[p.u32(0)]
	if c == nil {
		return abi.StatusNotFound
	}
	in.drop(c)
	return abi.StatusOK
}

// grpcClose says that the guest sends nothing more on a stream; a unary call has sent everything already.
func (in *Instance) grpcClose(p params) abi.Status {
	c := in.calls.open[p.u32(0)]
	if c == nil {
		return abi.StatusNotFound
	}
	if c.grpc != nil {
		c.grpc.CloseSend()
	}
	return abi.StatusOK
}
