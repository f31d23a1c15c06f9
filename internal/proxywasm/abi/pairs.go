package abi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
)

// Bounds of a serialized map that a guest hands in; the same as in Envoy's host.
const (
	MaxPairs      = 1024
	MaxPairsBytes = 1 << 20
)

// ErrMalformedPairs is a serialized map whose lengths do not fit its bytes.
var ErrMalformedPairs = errors.New("malformed serialized map")

// PairsSize is the number of bytes that AppendPairs adds.
func PairsSize(pairs []Pair) int {
	n := 4
	for _, p := range pairs {
		n += 8 + len(p.Name) + 1 + len(p.Value) + 1
	}
	return n
}

// AppendPairs appends the serialized map: the count, the lengths, then names and values, each with a NUL.
// An empty map is four zero bytes, which every SDK decodes (some slice a shorter answer and panic).
func AppendPairs(dst []byte, pairs []Pair) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(pairs)))
	for _, p := range pairs {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p.Name)))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p.Value)))
	}
	for _, p := range pairs {
		dst = append(append(dst, p.Name...), 0)
		dst = append(append(dst, p.Value...), 0)
	}
	return dst
}

// DecodePairs reads a serialized map. It copies, so data may be a view of guest memory. Bytes behind the
// last value are ignored, and its NUL may be missing.
func DecodePairs(data []byte) ([]Pair, error) {
	if len(data) == 0 || (len(data) == 1 && data[0] == 0) {
		return nil, nil
	}
	if len(data) < 4 || len(data) > MaxPairsBytes {
		return nil, ErrMalformedPairs
	}
	count := int(binary.LittleEndian.Uint32(data))
	if count > MaxPairs || 4+8*count > len(data) {
		return nil, ErrMalformedPairs
	}
	lengths, rest := data[4:4+8*count], data[4+8*count:]
	pairs := make([]Pair, count)
	for i := range pairs {
		var err error
		if pairs[i].Name, rest, err = cut(rest, binary.LittleEndian.Uint32(lengths[8*i:]), false); err != nil {
			return nil, err
		}
		if pairs[i].Value, rest, err = cut(rest, binary.LittleEndian.Uint32(lengths[8*i+4:]), i == count-1); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// cut takes n bytes and the NUL behind them off the front of data.
func cut(data []byte, n uint32, last bool) (string, []byte, error) {
	if uint64(n) > uint64(len(data)) {
		return "", nil, ErrMalformedPairs
	}
	text, rest := string(data[:n]), data[n:]
	switch {
	case len(rest) > 0 && rest[0] == 0:
		return text, rest[1:], nil
	case len(rest) == 0 && last:
		return text, nil, nil
	}
	return "", nil, ErrMalformedPairs
}

// PropertyPath is the path of proxy_get_property: segments with a NUL between them, and perhaps one at the end.
type PropertyPath []byte

// Next returns the first segment and the path behind it, which is empty at the end.
func (p PropertyPath) Next() (segment []byte, rest PropertyPath) {
	segment, rest, _ = bytes.Cut(p, []byte{0})
	return segment, rest
}

// AppendInt64 appends the wire form of an integer property, of a timestamp or of a duration (nanoseconds).
func AppendInt64(dst []byte, v int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(v))
}

// AppendBool appends the wire form of a boolean property: one byte.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendDouble appends the wire form of a floating-point property: IEEE 754 in 64 bits.
func AppendDouble(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}
