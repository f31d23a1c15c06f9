package wsframe

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
)

// frame makes a masked frame.
func frame(final bool, opcode byte, length int) []byte {
	b := []byte{opcode, 0x80}
	if final {
		b[0] |= 0x80
	}
	switch {
	case length < 126:
		b[1] |= byte(length)
	case length < 1<<16:
		b[1] |= 126
		b = append(b, byte(length>>8), byte(length))
	default:
		b[1] |= 127
		b = append(b, 0, 0, 0, 0, byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
	}
	b = append(b, 1, 2, 3, 4)
	return append(b, bytes.Repeat([]byte{'x'}, length)...)
}

const text, binaryFrame, ping = 1, 2, 9

func TestReader(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		frames [][]byte
		pass   int // how many of them
		code   uint16
	}{
		"short":                      {[][]byte{frame(true, text, 0), frame(true, text, 100)}, 2, 0},
		"as long as may be":          {[][]byte{frame(true, text, 1000), frame(true, binaryFrame, 1000)}, 2, 0},
		"one byte more":              {[][]byte{frame(true, text, 10), frame(true, text, 1001)}, 1, CloseTooBig},
		"very long":                  {[][]byte{frame(true, text, 1<<17)}, 0, CloseTooBig},
		"in parts":                   {[][]byte{frame(false, text, 500), frame(false, 0, 400), frame(true, 0, 100), frame(true, text, 1000)}, 4, 0},
		"too long in parts":          {[][]byte{frame(false, text, 500), frame(false, 0, 500), frame(true, 0, 1)}, 2, CloseTooBig},
		"pings in between":           {[][]byte{frame(false, text, 900), frame(true, ping, 125), frame(true, 0, 100)}, 3, 0},
		"a long ping":                {[][]byte{frame(true, ping, 126)}, 0, CloseProtocolError},
		"half a ping":                {[][]byte{frame(false, ping, 1)}, 0, CloseProtocolError},
		"a length with its high bit": {[][]byte{{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}}, 0, CloseProtocolError},
	} {
		stream, want := slices.Concat(test.frames...), slices.Concat(test.frames[:test.pass]...)
		for _, src := range []io.Reader{bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream))} {
			r := NewReader(src, 1000)
			got, err := io.ReadAll(r)
			violation := (*Violation)(nil)
			if errors.As(err, &violation) != (test.code != 0) || violation != nil && violation.Code != test.code {
				t.Errorf("%s: %v, want %d", name, err, test.code)
			}
			if !bytes.Equal(got, want) || !r.AtBoundary() {
				t.Errorf("%s: %d bytes have passed, want %d", name, len(got), len(want))
			}
		}
	}
}

func TestFollower(t *testing.T) {
	t.Parallel()
	stream := slices.Concat(frame(true, text, 5), frame(true, text, 300), frame(true, text, 70000), frame(true, ping, 0))
	var whole, steps Follower
	if whole.Pass(stream); !whole.AtBoundary() {
		t.Error("four frames do not end at a boundary")
	}
	ends := 0
	for i := range stream {
		if steps.Pass(stream[i : i+1]); steps.AtBoundary() {
			ends++
		}
	}
	if ends != 4 {
		t.Errorf("%d boundaries, want 4", ends)
	}
	var f Follower
	if n := f.Next(stream); n != len(frame(true, text, 5)) {
		t.Errorf("the first frame ends at %d", n)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	for _, masked := range []bool{false, true} {
		b := Close(CloseTooBig, "why", masked)
		h := parseHeader(b[:headerSize(b[0], b[1])])
		if payload := b[h.size:]; !h.final || h.opcode != opClose || int(h.length) != len(payload) || !bytes.Equal(payload, []byte{0x03, 0xf1, 'w', 'h', 'y'}) {
			t.Errorf("masked %v: % x", masked, b)
		}
	}
}

// FuzzReader holds the reader against the follower: what passes are whole frames, or the beginning of a last one.
func FuzzReader(f *testing.F) {
	f.Add(slices.Concat(frame(false, text, 3), frame(true, 0, 200)))
	f.Add(frame(true, ping, 126))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewReader(bytes.NewReader(stream), 64)
		got, err := io.ReadAll(r)
		if !bytes.HasPrefix(stream, got) {
			t.Fatalf("% x passed of % x", got, stream)
		}
		var follower Follower
		follower.Pass(got)
		if follower.AtBoundary() != r.AtBoundary() {
			t.Fatalf("boundary %v, the follower says %v", r.AtBoundary(), follower.AtBoundary())
		}
		if violation := (*Violation)(nil); errors.As(err, &violation) && !follower.AtBoundary() {
			t.Fatal("a violation in the middle of a frame")
		}
	})
}
