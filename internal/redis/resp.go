package redis

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxDepth bounds how deep replies may be nested.
const maxDepth = 32

// ErrTooLarge is a reply above the limit.
var ErrTooLarge = errors.New("the reply is too large")

// errProtocol is a server that does not speak RESP.
var errProtocol = errors.New("the bytes are not Redis' protocol (RESP)")

// value collects the bytes of one value.
type value struct {
	from *bufio.Reader
	max  int
	data []byte
}

// readValue reads one value of RESP2 or RESP3 with all that is nested in it, and returns its bytes.
func readValue(from *bufio.Reader, most int) ([]byte, error) {
	v := value{from: from, max: most}
	if err := v.read(maxDepth); err != nil {
		return nil, err
	}
	return v.data, nil
}

func (v *value) read(depth int) error {
	line, err := v.line()
	if err != nil {
		return err
	}
	switch line[0] {
	case '+', '-', ':', '_', ',', '#', '(':
		return nil
	case '$', '=', '!':
		return v.bulk(line[1:])
	case '*', '~', '>':
		return v.children(line[1:], 1, depth)
	case '%':
		return v.children(line[1:], 2, depth)
	case '|': // attributes, and then the value that they belong to
		if err := v.children(line[1:], 2, depth); err != nil {
			return err
		}
		return v.read(depth)
	}
	return errProtocol
}

// line reads a line, which is never empty; its end is kept and not returned.
func (v *value) line() ([]byte, error) {
	start := len(v.data)
	for {
		part, err := v.from.ReadSlice('\n')
		if len(v.data)+len(part) > v.max {
			return nil, ErrTooLarge
		}
		v.data = append(v.data, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, v.broken(err, len(v.data) > 0)
		}
	}
	line, ok := bytes.CutSuffix(v.data[start:], []byte("\r\n"))
	if !ok || len(line) == 0 {
		return nil, errProtocol
	}
	return line, nil
}

// bulk reads what follows a length; -1 is the null of RESP2.
func (v *value) bulk(length []byte) error {
	n, err := strconv.Atoi(string(length))
	if err != nil || n < -1 {
		return errProtocol
	}
	if n == -1 {
		return nil
	}
	if n > v.max || len(v.data)+n+2 > v.max {
		return ErrTooLarge
	}
	start := len(v.data)
	v.data = append(v.data, make([]byte, n+2)...)
	if _, err := io.ReadFull(v.from, v.data[start:]); err != nil {
		return v.broken(err, true)
	}
	if !bytes.HasSuffix(v.data, []byte("\r\n")) {
		return errProtocol
	}
	return nil
}

func (v *value) children(count []byte, each, depth int) error {
	n, err := strconv.Atoi(string(count))
	if err != nil || n < -1 || depth == 0 {
		return errProtocol
	}
	if n > v.max {
		return ErrTooLarge // each child takes a byte at least
	}
	for range n * each {
		if err := v.read(depth - 1); err != nil {
			return err
		}
	}
	return nil
}

// broken makes an end within a value an error of its own.
func (v *value) broken(err error, within bool) error {
	if within && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// commandName checks that data is exactly one command, an array of bulk strings, and returns its first word in capitals.
func commandName(data []byte) (string, error) {
	from := bufio.NewReader(bytes.NewReader(data))
	read, err := readValue(from, len(data))
	switch {
	case err != nil:
		return "", fmt.Errorf("reading the command: %w", err)
	case len(read) != len(data):
		return "", errors.New("the command is followed by more bytes: send one command at a time")
	case data[0] != '*':
		return "", errors.New("the command is not an array of RESP")
	}
	lines := bytes.SplitN(data, []byte("\r\n"), 4)
	if len(lines) < 4 || !bytes.HasPrefix(lines[1], []byte("$")) {
		return "", errors.New("the command is an empty array")
	}
	return strings.ToUpper(string(lines[2])), nil
}

// appendCommand appends a command.
func appendCommand(dst []byte, words ...string) []byte {
	dst = fmt.Appendf(dst, "*%d\r\n", len(words))
	for _, w := range words {
		dst = fmt.Appendf(dst, "$%d\r\n%s\r\n", len(w), w)
	}
	return dst
}
