// Package wsframe follows the frames of a WebSocket connection (RFC 6455) as they pass by, without changing them.
package wsframe

import "encoding/binary"

const (
	// maxHeader is the longest header of a frame.
	maxHeader = 14
	// maxControl is the most that a control frame may carry.
	maxControl = 125

	opContinuation = 0x0
	opClose        = 0x8
)

// header is what stands in front of a frame's payload.
type header struct {
	size   int // of itself
	final  bool
	opcode byte
	length uint64 // of the payload
}

func (h *header) control() bool { return h.opcode >= opClose }

// headerSize is how long the header is that begins with these two bytes.
func headerSize(_, second byte) int {
	size := 2
	switch second & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if second&0x80 != 0 {
		size += 4
	}
	return size
}

// parseHeader reads a whole header.
func parseHeader(b []byte) header {
	h := header{size: len(b), final: b[0]&0x80 != 0, opcode: b[0] & 0x0f, length: uint64(b[1] & 0x7f)}
	switch h.length {
	case 126:
		h.length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		h.length = binary.BigEndian.Uint64(b[2:])
	}
	return h
}

// The status codes by which the gateway closes a connection.
const (
	CloseGoingAway     = 1001
	CloseProtocolError = 1002
	CloseTooBig        = 1009
)

// Close is a close frame with a reason of at most 123 bytes. What a client sends is masked; here with zeros, which is a mask as any.
func Close(code uint16, reason string, masked bool) []byte {
	frame := []byte{0x80 | opClose, byte(2 + len(reason))}
	if masked {
		frame[1] |= 0x80
		frame = append(frame, 0, 0, 0, 0)
	}
	frame = binary.BigEndian.AppendUint16(frame, code)
	return append(frame, reason...)
}
