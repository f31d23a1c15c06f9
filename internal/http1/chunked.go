package http1

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// maxChunkLine bounds the line with the size of a chunk, extensions included.
const maxChunkLine = 256

// chunks is where a reader of chunks is.
type chunks struct {
	state   chunkState
	trailer scanner
}

type chunkState int

const (
	atSize chunkState = iota // the line with a chunk's size comes next
	inData
	afterData // the end of line behind the data
	inTrailer
	atEnd
)

// errMore says that what comes next has not come yet.
var errMore = errors.New("more is needed")

// readChunks reads what has come, over the borders of chunks, and waits only when there is nothing.
func (b *body) readChunks(p []byte) (n int, err error) {
	for {
		if b.chunks.state != inData {
			if err = b.step(n == 0); errors.Is(err, errMore) {
				return n, nil
			}
			if err != nil {
				return n, err
			}
			continue
		}
		if n == len(p) || n > 0 && b.x.conn.in.len() == 0 {
			return n, nil
		}
		m, err := b.readSome(p[n:])
		n += m
		if b.remaining == 0 {
			b.chunks.state = afterData
			continue
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return n, err
		}
	}
}

// step reads one of the lines between the data: io.EOF after the last.
func (b *body) step(wait bool) error {
	switch b.chunks.state {
	case inTrailer:
		return b.readTrailer(wait)
	case atEnd:
		return io.EOF
	}
	line, err := b.line(wait)
	if err != nil {
		return err
	}
	if b.chunks.state == afterData {
		if len(line) > 0 {
			return malformed("a chunk is longer than it says")
		}
		b.chunks.state = atSize
		return nil
	}
	if b.remaining, err = parseSize(line); err != nil {
		return err
	}
	b.chunks.state = inData
	if b.remaining == 0 {
		b.chunks.state = inTrailer
	}
	return nil
}

// line is the next line without CR LF. It may be used until the next read.
func (b *body) line(wait bool) ([]byte, error) {
	in := &b.x.conn.in
	for {
		data := in.unread()
		i := bytes.IndexByte(data, '\n')
		switch {
		case i > maxChunkLine, i < 0 && len(data) > maxChunkLine:
			return nil, malformed("the line of a chunk is too long")
		case i == 0 || i > 0 && data[i-1] != '\r':
			return nil, malformed("a line does not end in CR LF")
		case i > 0:
			in.r += i + 1
			return data[:i-1], nil
		}
		if err := b.more(wait); err != nil {
			return nil, err
		}
	}
}

// more waits for bytes, where the caller has nothing to return meanwhile.
func (b *body) more(wait bool) error {
	if !wait {
		return errMore
	}
	c := b.x.conn
	err := c.in.fill(c.nc, max(c.client.settings.MaxHeaderBytes, smallBuffer))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// parseSize reads hexadecimal digits. Extensions are dropped, as they must be by who does not know them.
func parseSize(line []byte) (n int64, err error) {
	size, extension, extended := bytes.Cut(line, []byte{';'})
	if !extended {
		size = bytes.TrimRight(size, " \t")
	}
	if len(size) == 0 || len(size) > 15 || bytes.IndexFunc(extension, isControl) >= 0 {
		return 0, malformed("the size of a chunk is not one")
	}
	for _, c := range size {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, malformed("the size of a chunk is not one")
		}
		n = n<<4 | int64(digit)
	}
	return n, nil
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// readTrailer reads the fields behind the last chunk, and ends the body.
func (b *body) readTrailer(wait bool) error {
	in, settings := &b.x.conn.in, &b.x.conn.client.settings
	for {
		data := in.unread()
		end, err := b.chunks.trailer.scan(data, settings.MaxHeaders)
		if err != nil {
			return err
		}
		if end > settings.MaxHeaderBytes || end == 0 && len(data) >= settings.MaxHeaderBytes {
			return malformed("its trailers are too large")
		}
		if end > 0 {
			in.r += end
			return b.takeTrailer(string(data[:end-len("\r\n")]))
		}
		if err := b.more(wait); err != nil {
			return err
		}
	}
}

func (b *body) takeTrailer(lines string) error {
	b.chunks.state = atEnd
	if lines == "" {
		return io.EOF
	}
	trailer, err := parseFields(lines, b.chunks.trailer.fields)
	if err != nil {
		return err
	}
	for name := range trailer {
		if isFramingField(name) {
			delete(trailer, name)
		}
	}
	if len(trailer) > 0 {
		b.setTrailer(trailer)
	}
	return io.EOF
}
