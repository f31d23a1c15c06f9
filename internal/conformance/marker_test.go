package conformance

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// withMarker is the probe marked with a version of the ABI whose name is longer.
func withMarker(t *testing.T, marker string) []byte {
	t.Helper()
	const old = "\x17proxy_abi_version_0_2_1"
	code := probeCode(t)
	at := bytes.Index(code, []byte(old))
	if at < 0 {
		t.Fatal("the probe has no marker")
	}
	return grown(t, code, at, len(old), append([]byte{byte(len(marker))}, marker...))
}

// grown replaces bytes of a module's section by more, and mends the section's size.
func grown(t *testing.T, code []byte, at, n int, with []byte) []byte {
	t.Helper()
	for i := 8; i < len(code); {
		size, width := binary.Uvarint(code[i+1:])
		body := i + 1 + width
		if at >= body+int(size) {
			i = body + int(size)
			continue
		}
		out := append(bytes.Clone(code[:i+1]), binary.AppendUvarint(nil, size+uint64(len(with)-n))...)
		out = append(append(out, code[body:at]...), with...)
		return append(out, code[at+n:]...)
	}
	t.Fatal("no section has these bytes")
	return nil
}
