// Package protofields reads protobuf messages whose fields are texts and numbers, which is all that guests hand in: they need
// no generated code.
package protofields

import "google.golang.org/protobuf/encoding/protowire"

// Message is a message by its fields' numbers. What is not there is empty, or 0.
type Message struct {
	texts   map[protowire.Number][]byte
	numbers map[protowire.Number]uint64
}

// Text is the field of that number if it has bytes: a text, or a message. It is a view of what was decoded.
func (m Message) Text(number protowire.Number) []byte { return m.texts[number] }

// Number is the field of that number if it is an integer or a truth value.
func (m Message) Number(number protowire.Number) uint64 { return m.numbers[number] }

// Decode reads a message; the last value of a field counts, and other types are skipped. ok is false when data is no message.
func Decode(data []byte) (m Message, ok bool) {
	m = Message{texts: map[protowire.Number][]byte{}, numbers: map[protowire.Number]uint64{}}
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
