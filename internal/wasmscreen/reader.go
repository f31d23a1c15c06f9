package wasmscreen

import (
	"errors"
	"fmt"
)

// ErrMalformed is the error of a module that breaks the rules of the binary format.
var ErrMalformed = errors.New("the module is damaged or cut off")

// reader reads a part of the code. After the first error it reads nothing more, and answers zero.
type reader struct {
	code     []byte
	pos, end int
	where    string // what is being read, for errors
	err      error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.pos = r.end
}

func (r *reader) malformed() {
	r.fail(fmt.Errorf("%w in %s at byte %d: build it again or copy it again", ErrMalformed, r.where, r.pos))
}

// claim is the error of a length that the code has no room for. Compilers may make room for it before they see that.
func (r *reader) claim(length int64) {
	r.fail(fmt.Errorf("%w in %s at byte %d, where it claims a length of %d: build it again or copy it again",
		ErrMalformed, r.where, r.pos, length))
}

// atMost refuses a module that has more than a limit.
func (r *reader) atMost(found, limit int, what, advice string) {
	if found > limit {
		r.fail(fmt.Errorf("the module has %d %s, more than the limit of %d: %s", found, what, limit, advice))
	}
}

func (r *reader) more() bool { return r.err == nil && r.pos < r.end }

// enter bounds what is read to as many bytes as length has read, until leave gets the result.
func (r *reader) enter(size int) (outer int) {
	outer = r.end
	r.end = r.pos + size
	return outer
}

// leave wants that everything has been read since enter.
func (r *reader) leave(outer int) {
	if r.pos != r.end {
		r.malformed()
	}
	r.end = outer
	if r.err != nil {
		r.pos = outer
	}
}

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.malformed()
		return 0
	}
	r.pos++
	return r.code[r.pos-1]
}

func (r *reader) bytes(n int) []byte {
	if n > r.end-r.pos {
		r.malformed()
		return nil
	}
	r.pos += n
	return r.code[r.pos-n : r.pos]
}

func (r *reader) u32() uint32 {
	var value uint32
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		value |= uint32(b&0x7f) << shift
		if b < 0x80 {
			if shift == 28 && b > 0x0f {
				break
			}
			return value
		}
	}
	r.malformed()
	return 0
}

// s33 reads what says a block's type or a heap type. Other than wazero it takes no bit in vain: what wazero makes of these
// is not what the format says.
func (r *reader) s33() int64 {
	var value int64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		value |= int64(b&0x7f) << shift
		if b < 0x80 {
			value = value << (57 - shift) >> (57 - shift)
			if value < -1<<32 || value >= 1<<32 {
				break
			}
			return value
		}
	}
	r.fail(fmt.Errorf("the module has a number of more than 33 bits in %s at byte %d: build it again", r.where, r.pos))
	return 0
}

// constant skips a signed number of at most that many bytes. Its value is the compiler's to check.
func (r *reader) constant(most int) {
	for range most {
		if r.byte() < 0x80 {
			return
		}
	}
	r.malformed()
}

// length reads the length of what has at least a byte for each.
func (r *reader) length() int {
	n := int64(r.u32())
	if n > int64(r.end-r.pos) {
		r.claim(n)
		return 0
	}
	return int(n)
}

// skip skips bytes that are preceded by their number.
func (r *reader) skip() { r.bytes(r.length()) }
