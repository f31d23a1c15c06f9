package proxywasm

import (
	"math"
	"slices"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Buffers".

// Body is a buffer that a guest may read and rewrite while it has a body callback. A chunk that a plugin lets through is
// never copied: the buffer borrows it, and copies when the guest writes or holds it.
type Body struct {
	data     []byte
	borrowed bool // the bytes are the caller's, who uses them again after the callback
	frozen   bool // a snapshot has the same bytes
	came     int  // bytes that were added since the last Take
	own      bool // what the last Take returned was the buffer's own
	spare    []byte
}

// Bytes are the buffer's contents; valid until the next change.
func (b *Body) Bytes() []byte { return b.data }

// Len is the number of bytes in the buffer.
func (b *Body) Len() int { return len(b.data) }

// Append adds a chunk. The buffer may refer to it until Keep or Take.
func (b *Body) Append(chunk []byte) {
	b.came += len(chunk)
	if len(b.data) == 0 && !b.frozen {
		b.data, b.borrowed = chunk[:len(chunk):len(chunk)], true
		return
	}
	b.Keep()
	b.data = append(b.data, chunk...)
}

// Keep makes the contents the buffer's own: it is held beyond the callback.
func (b *Body) Keep() {
	if b.borrowed {
		b.data, b.borrowed = append([]byte(nil), b.data...), false
	}
}

// Take empties the buffer and returns what it held: the chunk itself where nobody has changed or kept it.
func (b *Body) Take() []byte {
	data := b.data
	*b = Body{own: !b.borrowed, spare: b.spare}
	return data
}

// Reuse gives back what the last Take returned, when nobody will read it any more: the next rewriting goes to the same memory.
func (b *Body) Reuse(taken []byte) {
	if b.own {
		b.own, b.spare = false, taken
	}
}

// Resized reports whether the buffer has another length than what came in: whether a length that was declared before is
// wrong now.
func (b *Body) Resized() bool { return len(b.data) != b.came }

// Snapshot returns the contents as they are, for Restore. No guest can change them.
func (b *Body) Snapshot() []byte {
	b.frozen = true
	return b.data
}

// Restore makes a snapshot the contents again.
func (b *Body) Restore(snapshot []byte) { b.data, b.frozen = snapshot, false }

// Thaw forgets a snapshot.
func (b *Body) Thaw() { b.frozen = false }

// Splice replaces n bytes at start by data, which it copies. Positions behind the end mean the end, so prepending
// (0, 0), appending (max, 0) and replacing everything (0, max) are cases of the same thing.
func (b *Body) Splice(start, n uint32, data []byte) {
	size := uint32(min(len(b.data), math.MaxUint32))
	start = min(start, size)
	n = min(n, size-start)
	switch {
	case start == 0 && n == size:
		b.data, b.spare = append(b.spare[:0], data...), nil
	case b.borrowed || b.frozen:
		b.data = slices.Concat(b.data[:start], data, b.data[start+n:])
	default:
		b.data = slices.Replace(b.data, int(start), int(start+n), data...)
	}
	b.borrowed, b.frozen = false, false
}

// buffer finds the bytes of a buffer. ok is false when it does not exist now.
func (in *Instance) buffer(t abi.BufferType) (data []byte, ok bool) {
	switch t {
	case abi.BufferHTTPRequestBody, abi.BufferHTTPResponseBody:
		if body := in.body(t); body != nil {
			return body.data, true
		}
	case abi.BufferHTTPCallResponseBody, abi.BufferGRPCCallMessage, abi.BufferRedisCallResponse:
		return in.calls.body(t)
	case abi.BufferForeignFunctionArguments:
		return in.foreignArguments, in.foreignArguments != nil
	}
	return nil, false
}

func (in *Instance) body(t abi.BufferType) *Body {
	if s := in.effective.stream; s != nil && s.ex != nil {
		return s.ex.Body(t)
	}
	return nil
}

// text finds the buffers whose contents are the host's configuration.
func (in *Instance) text(t abi.BufferType) (string, bool) {
	switch {
	case t == abi.BufferVMConfiguration:
		return in.vm.Configuration, true
	case t == abi.BufferPluginConfiguration && in.effective.plugin != nil:
		return in.effective.plugin.config.Configuration, true
	}
	return "", false
}

// getBufferBytes answers what there is of the range: SDKs ask for more than they expect.
func (in *Instance) getBufferBytes(p params) abi.Status {
	t, start, size := abi.BufferType(p.u32(0)), p.u32(1), p.u32(2)
	if t > abi.BufferRedisCallResponse || uint64(start)+uint64(size) > math.MaxUint32 {
		return in.refuse(abi.StatusBadArgument, "there is no such buffer, or its end would lie beyond 4 GiB")
	}
	if text, ok := in.text(t); ok {
		from, to := clamp(start, size, len(text))
		return in.returnString(text[from:to], p.u32(3), p.u32(4))
	}
	data, ok := in.buffer(t)
	if !ok {
		return in.refuse(abi.StatusNotFound, noBuffer)
	}
	from, to := clamp(start, size, len(data))
	return in.returnBytes(data[from:to], p.u32(3), p.u32(4))
}

// noBuffer is the reason where a body is asked for outside of its callbacks.
const noBuffer = "the buffer does not exist in this phase"

func clamp(start, size uint32, length int) (from, to int) {
	from = min(int(start), length)
	return from, min(from+int(size), length)
}

func (in *Instance) getBufferStatus(p params) abi.Status {
	t := abi.BufferType(p.u32(0))
	if t > abi.BufferRedisCallResponse {
		return in.refuse(abi.StatusBadArgument, "there is no such buffer")
	}
	var length int
	if text, ok := in.text(t); ok {
		length = len(text)
	} else if data, ok := in.buffer(t); ok {
		length = len(data)
	} else {
		return in.refuse(abi.StatusNotFound, noBuffer)
	}
	if status := in.places(p, 1, 2); status != abi.StatusOK {
		return status
	}
	_ = in.putUint32(p.u32(1), uint32(length))
	return in.putUint32(p.u32(2), 0)
}

func (in *Instance) setBufferBytes(p params) abi.Status {
	var data []byte
	if status := in.inputs(p, 3, &data); status != abi.StatusOK {
		return status
	}
	body := in.body(abi.BufferType(p.u32(0)))
	if body == nil {
		return in.refuse(abi.StatusBadArgument, noBuffer)
	}
	if in.module.options.Profile.refusesSplice() && inTheMiddle(body, p.u32(1)) {
		return in.refuse(abi.StatusBadArgument, "the host of this profile replaces no bytes in the middle of a body")
	}
	body.Splice(p.u32(1), p.u32(2), data)
	return abi.StatusOK
}

// refusesSplice is Envoy: it replaces from the beginning, prepends and appends, and nothing else.
func (p Profile) refusesSplice() bool { return p == ProfileEnvoy }

func inTheMiddle(b *Body, start uint32) bool { return start > 0 && int64(start) < int64(b.Len()) }
