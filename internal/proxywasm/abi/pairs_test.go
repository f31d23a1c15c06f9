package abi

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestPairsOnTheWire(t *testing.T) {
	got := AppendPairs(nil, []Pair{{"a", "b\x00c"}, {"", ""}})
	want := []byte("\x02\x00\x00\x00" + "\x01\x00\x00\x00\x03\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "a\x00b\x00c\x00" + "\x00\x00")
	if !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := PairsSize([]Pair{{"a", "b\x00c"}, {"", ""}}); n != len(want) {
		t.Errorf("size %d, want %d", n, len(want))
	}
	if empty := AppendPairs(nil, nil); !bytes.Equal(empty, make([]byte, 4)) {
		t.Errorf("an empty map is %q, want four zero bytes", empty)
	}
}

func TestMalformedPairs(t *testing.T) {
	for _, data := range []string{
		"\x01", "\x01\x00\x00", "\x01\x00\x00\x00", "\xff\xff\xff\xff",
		"\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00a\x00",
		"\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00ab\x00c",
	} {
		if pairs, err := DecodePairs([]byte(data)); !errors.Is(err, ErrMalformedPairs) {
			t.Errorf("%q decoded to %v, error %v", data, pairs, err)
		}
	}
	for _, data := range []string{"", "\x00", "\x00\x00\x00\x00"} {
		if pairs, err := DecodePairs([]byte(data)); err != nil || len(pairs) != 0 {
			t.Errorf("%q is an empty map, got %v, %v", data, pairs, err)
		}
	}
}

func FuzzPairs(f *testing.F) {
	f.Add(AppendPairs(nil, []Pair{{":path", "/"}, {"a", ""}}))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Add([]byte("\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00a\x00b"))
	f.Add(bytes.Repeat([]byte{0}, 4+8*3+6))
	f.Fuzz(func(t *testing.T, data []byte) {
		pairs, err := DecodePairs(data)
		if err != nil {
			return
		}
		wire := AppendPairs(nil, pairs)
		if len(wire) != PairsSize(pairs) || len(wire) > len(data)+5 { // an empty map, or the last NUL
			t.Fatalf("%d bytes became %v, which are %d, said to be %d", len(data), pairs, len(wire), PairsSize(pairs))
		}
		again, err := DecodePairs(wire)
		if err != nil || !slices.Equal(pairs, again) {
			t.Fatalf("%v became %v, %v", pairs, again, err)
		}
	})
}

func TestSurviveKeepsRustAlive(t *testing.T) {
	for _, tc := range []struct {
		call     string
		in, want Status
	}{
		{"proxy_grpc_call", StatusBadArgument, StatusInternalFailure},
		{"proxy_record_metric", StatusBadArgument, StatusNotFound},
		{"proxy_get_header_map_value", StatusBadArgument, StatusBadArgument},
		{"proxy_http_call", StatusUnimplemented, StatusInternalFailure},
		{"proxy_get_shared_data", StatusUnimplemented, StatusNotFound},
		{"proxy_set_shared_data", StatusCasMismatch, StatusCasMismatch},
	} {
		if got := Survive(tc.call, tc.in); got != tc.want {
			t.Errorf("%s: %s became %s, want %s", tc.call, tc.in, got, tc.want)
		}
	}
}
