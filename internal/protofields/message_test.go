package protofields

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestDecode(t *testing.T) {
	data := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "old")
	data = protowire.AppendVarint(protowire.AppendTag(data, 2, protowire.VarintType), 7)
	data = protowire.AppendFixed64(protowire.AppendTag(data, 3, protowire.Fixed64Type), 1)
	data = protowire.AppendString(protowire.AppendTag(data, 1, protowire.BytesType), "new")
	m, ok := Decode(data)
	if !ok || string(m.Text(1)) != "new" || m.Number(2) != 7 || m.Text(3) != nil || m.Number(9) != 0 {
		t.Errorf("%+v %v", m, ok)
	}
	whole := map[int]bool{0: true, 5: true, 7: true, 16: true} // where a field ends
	for n := range data {
		if _, ok := Decode(data[:n]); ok != whole[n] {
			t.Errorf("cut off after %d bytes: %v", n, ok)
		}
	}
}
