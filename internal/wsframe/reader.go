package wsframe

import (
	"bufio"
	"fmt"
	"io"
)

// Violation is why a connection has to be closed.
type Violation struct { //nolint:errname // of the protocol; an error is what it causes
	Code   uint16
	Reason string
}

func (v *Violation) Error() string { return fmt.Sprintf("websocket: %s (%d)", v.Reason, v.Code) }

// Reader passes on what a client sends, up to the first message that is too long: of that nothing more is passed on than frames
// that have ended, so that a close frame may follow.
type Reader struct {
	src     *bufio.Reader
	max     uint64
	pending []byte // of a header that is not passed on yet
	head    [maxHeader]byte
	left    uint64 // of the payload of a frame
	message uint64 // the length of the message so far
}

// NewReader limits messages to max bytes as they are sent (compressed, if they are); 0 is no limit.
func NewReader(src io.Reader, max int64) *Reader {
	return &Reader{src: bufio.NewReader(src), max: uint64(max)}
}

// AtBoundary reports whether all that was read ends with a frame.
func (r *Reader) AtBoundary() bool { return r.left == 0 && len(r.pending) == 0 }

// Read fails with a *Violation in front of a frame that must not pass.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.AtBoundary() {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	if len(r.pending) > 0 {
		n := copy(p, r.pending)
		r.pending = r.pending[n:]
		return n, nil
	}
	n, err := r.src.Read(p[:min(uint64(len(p)), r.left)])
	r.left -= uint64(n)
	return n, err
}

// next reads the header of the next frame.
func (r *Reader) next() error {
	first, err := r.src.Peek(2)
	if err != nil {
		return err
	}
	head, err := r.src.Peek(headerSize(first[0], first[1]))
	if err != nil {
		return err
	}
	h := parseHeader(head)
	if err := r.judge(&h); err != nil {
		return err
	}
	r.pending = r.head[:copy(r.head[:], head)]
	r.left = h.length
	_, err = r.src.Discard(h.size)
	return err
}

func (r *Reader) judge(h *header) error {
	switch {
	case h.control() && (h.length > maxControl || !h.final):
		return &Violation{CloseProtocolError, "a control frame is too long or in parts"}
	case h.length>>63 != 0:
		return &Violation{CloseProtocolError, "a length has its highest bit set"}
	case h.control() || r.max == 0:
		return nil
	case h.opcode != opContinuation:
		r.message = 0
	}
	if h.length > r.max-r.message {
		return &Violation{CloseTooBig, "the message is too big"}
	}
	r.message += h.length
	return nil
}
