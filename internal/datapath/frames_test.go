package datapath

import (
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// framer is a client of HTTP/2 that sends frames as they are told, right or wrong.
type framer struct {
	t testing.TB
	*http2.Framer
	conn    net.Conn
	encoded bytes.Buffer
	encoder *hpack.Encoder
	stream  uint32
}

// frames connects to a listener, over TLS or not, and has the settings behind it.
func (g *gateway) frames(t testing.TB, secure bool) *framer {
	t.Helper()
	address := g.plain
	if secure {
		address = g.secure
	}
	f := &framer{t: t, conn: dial(t, address, secure, "h2"), stream: 1}
	f.encoder = hpack.NewEncoder(&f.encoded)
	f.Framer = http2.NewFramer(f.conn, f.conn)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(f.conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f.must(f.WriteSettings())
	return f
}

func (f *framer) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// open sends a head on a new stream; fields are name, value, name, value …
func (f *framer) open(end bool, fields ...string) uint32 {
	f.t.Helper()
	id := f.stream
	f.stream += 2
	f.encoded.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		f.must(f.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	f.must(f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.encoded.Bytes(), EndStream: end, EndHeaders: true}))
	return id
}

// heard is what the gateway said on a stream.
type heard struct {
	status string // of the final head, or how the stream or the connection ended without one
	header map[string]string
	body   string
	ended  bool // with END_STREAM
}

// answer reads until the stream ends.
func (f *framer) answer(id uint32) heard {
	h := heard{header: map[string]string{}}
	for !h.ended {
		frame, err := f.ReadFrame()
		if err != nil {
			h.status += "closed"
			return h
		}
		switch frame := frame.(type) {
		case *http2.GoAwayFrame:
			h.status += "goaway"
			return h
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.must(f.WriteSettingsAck())
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == id {
				h.status += "reset"
				return h
			}
		case *http2.MetaHeadersFrame:
			if frame.StreamID == id {
				h.head(frame)
			}
		case *http2.DataFrame:
			if frame.StreamID == id {
				h.body += string(frame.Data())
				h.ended = frame.StreamEnded()
			}
		}
	}
	return h
}

func (h *heard) head(frame *http2.MetaHeadersFrame) {
	for _, field := range frame.Fields {
		if field.Name == ":status" && field.Value[0] != '1' {
			h.status = field.Value
		}
		h.header[field.Name] = field.Value
	}
	h.ended = frame.StreamEnded()
}
