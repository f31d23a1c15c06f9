package handover

import "bytes"

// framing finds where requests end in the bytes of a connection. net/http reads ahead, so that a second request could lie
// in a buffer that nobody can look into; a read that ends where the request ends keeps it out of there.
type framing struct {
	part   part
	line   line
	length int64 // of the body, or of the chunk, that is left
	digits int   // of the length of a chunk
}

// part of a request.
type part int

const (
	head part = iota
	body
	chunkSize
	chunkExtension
	chunkData
	chunkEnd
	trailers
	unreadable // to the end of the connection
)

// line is how much of an empty line has been seen.
type line int

const (
	inLine line = iota
	afterNewline
	afterReturn
)

// begin is called where a head has ended; length is the body's, and negative with chunks.
func (f *framing) begin(length int64) {
	switch {
	case length == 0:
		*f = framing{}
	case length > 0:
		*f = framing{part: body, length: length}
	default:
		*f = framing{part: chunkSize}
	}
}

// next returns how many bytes belong to what is being read, and whether it ends with them. Nothing ends between the parts of
// a body.
func (f *framing) next(p []byte) (n int, end bool) {
	for n < len(p) {
		var k int
		k, end = f.step(p[n:])
		if n += k; end {
			return n, true
		}
	}
	return n, false
}

func (f *framing) step(p []byte) (n int, end bool) {
	switch f.part {
	case head, trailers:
		return f.emptyLine(p)
	case body:
		n = f.take(p)
		if f.length == 0 {
			f.begin(0)
		}
		return n, f.part == head
	case chunkSize:
		f.size(p[0])
		return 1, false
	case chunkExtension:
		f.extension(p[0])
		return 1, false
	case chunkData:
		if n = f.take(p); f.length == 0 {
			f.part = chunkEnd
		}
		return n, false
	case chunkEnd:
		f.afterChunk(p[0])
		return 1, false
	default:
		return len(p), false
	}
}

// emptyLine finds the end of a head or of trailers. Lines end as net/http ends them: with a newline, and maybe a return before it.
func (f *framing) emptyLine(p []byte) (n int, end bool) {
	for n < len(p) {
		if f.line == inLine {
			i := bytes.IndexByte(p[n:], '\n')
			if i < 0 {
				return len(p), false
			}
			n, f.line = n+i+1, afterNewline
			continue
		}
		c := p[n]
		n++
		switch {
		case c == '\n':
			f.begin(0)
			return n, true
		case c == '\r' && f.line == afterNewline:
			f.line = afterReturn
		default:
			f.line = inLine
		}
	}
	return n, false
}

// take counts bytes of a body or a chunk.
func (f *framing) take(p []byte) int {
	n := int(min(int64(len(p)), f.length))
	f.length -= int64(n)
	return n
}

// size reads the length of a chunk. None is as long as to need 16 digits.
func (f *framing) size(c byte) {
	digit := hexDigit(c)
	switch {
	case c == '\n':
		f.chunk()
	case digit >= 0 && f.digits < 15:
		f.length, f.digits = f.length<<4|int64(digit), f.digits+1
	case c == '\r' || c == ' ' || c == '\t' || c == ';':
		f.part = chunkExtension
	default:
		f.part = unreadable
	}
}

// hexDigit is negative for what is none.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func (f *framing) extension(c byte) {
	if c == '\n' {
		f.chunk()
	}
}

// chunk begins the data of a chunk; after the last one come trailers, and an empty line in any case.
func (f *framing) chunk() {
	switch {
	case f.digits == 0:
		f.part = unreadable
	case f.length == 0:
		*f = framing{part: trailers, line: afterNewline}
	default:
		f.part, f.digits = chunkData, 0
	}
}

func (f *framing) afterChunk(c byte) {
	switch c {
	case '\r':
	case '\n':
		*f = framing{part: chunkSize}
	default:
		f.part = unreadable
	}
}
