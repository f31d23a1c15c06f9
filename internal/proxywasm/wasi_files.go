package proxywasm

import (
	"encoding/binary"
	"math"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// WASI: there are no files but standard output and error, which go to the plugin's log.

func (in *Instance) wasiFdstat(p params) uint32 {
	if fd := p.u32(0); fd != 1 && fd != 2 {
		return wasiBadFD
	}
	const rightWrite = 64
	stat := make([]byte, 24)
	binary.LittleEndian.PutUint64(stat[8:], rightWrite)
	if !in.memory.Write(p.u32(1), stat) {
		return wasiFault
	}
	return wasiOK
}

func (in *Instance) wasiTell(p params) uint32 { return errnoOf(in.putUint64(p.u32(1), 0)) }

const (
	// maxBuffers is how many buffers one fd_write takes; the guest's library writes the rest with another call.
	maxBuffers = 1024
	// cutMark stands at the end of a message that is longer than the log keeps.
	cutMark = "…"
)

// wasiWrite logs what is written to standard output (info) and standard error (error), one message per call. Only what
// the log keeps is copied: the buffers may be many and overlap.
func (in *Instance) wasiWrite(p params, written uint32) uint32 {
	fd, iovs, count := p.u32(0), p.u32(1), min(p.u32(2), maxBuffers)
	if fd != 1 && fd != 2 {
		return wasiBadFD
	}
	var message []byte
	var size uint64
	limit := in.module.options.Limits.LogBytes
	for range count {
		part, ok := in.buffersPart(iovs)
		if !ok {
			return wasiFault
		}
		message = append(message, part[:min(len(part), limit-len(message))]...)
		size += uint64(len(part))
		iovs += 8
	}
	if size > uint64(limit) {
		message = append(message[:max(0, limit-len(cutMark))], cutMark...)
	}
	level := abi.LogInfo
	if fd == 2 {
		level = abi.LogError
	}
	if text := trimNewline(message); len(text) > 0 {
		in.logBytes(level, text)
	}
	return errnoOf(in.putUint32(written, uint32(min(size, math.MaxUint32))))
}

// buffersPart reads the buffer that an iovec stands for.
func (in *Instance) buffersPart(iovec uint32) ([]byte, bool) {
	ptr, ok := in.memory.ReadUint32Le(iovec)
	size, ok2 := in.memory.ReadUint32Le(iovec + 4)
	if !ok || !ok2 {
		return nil, false
	}
	return in.bytesAt(ptr, size)
}

func trimNewline(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return b[:n-1]
	}
	return b
}

// wasiReadDir says that there is nothing to list.
func (in *Instance) wasiReadDir(p params) uint32 {
	if in.putUint32(p.u32(4), 0) != abi.StatusOK {
		return wasiFault
	}
	return wasiExists
}
