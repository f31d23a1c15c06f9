package foreign

import "google.golang.org/protobuf/encoding/protowire"

// message is a protobuf message whose fields are texts and numbers. That is all that the arguments of foreign functions
// have, so they need no generated code.
type message struct {
	texts   map[protowire.Number][]byte
	numbers map[protowire.Number]uint64
}

// decode reads a message; the last value of a field counts, and unknown types are skipped.
func decode(data []byte) (message, bool) {
	m := message{texts: map[protowire.Number][]byte{}, numbers: map[protowire.Number]uint64{}}
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return m, false
		}
		data = data[n:]
		switch kind {
		case protowire.BytesType:
			m.texts[number], n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			m.numbers[number], n = protowire.ConsumeVarint(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return m, false
		}
		data = data[n:]
	}
	return m, true
}

// FilterState reads the arguments of `set_envoy_filter_state`: path = 1, value = 2, and a span (3), which does not matter
// here: what is kept lives as long as the request.
func FilterState(args []byte) (path string, value []byte, ok bool) {
	m, ok := decode(args)
	return string(m.texts[1]), m.texts[2], ok && len(m.texts[1]) > 0
}

// Declaration reads the arguments of `declare_property`: name = 1, readonly = 2, and type (3), schema (4) and span (5), which
// do not matter here.
func Declaration(args []byte) (name string, readOnly, ok bool) {
	m, ok := decode(args)
	return string(m.texts[1]), m.numbers[2] != 0, ok && len(m.texts[1]) > 0
}
