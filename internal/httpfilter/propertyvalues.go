package httpfilter

import (
	"net/http"
	"strconv"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// The wire forms of properties: Envoy's, or text for plugins that were built for Kong.

func (p property) text(value string) ([]byte, abi.Status) {
	return append(p.dst, value...), abi.StatusOK
}

// known is text that is not found while it is empty.
func (p property) known(value string) ([]byte, abi.Status) {
	if value == "" {
		return nil, abi.StatusNotFound
	}
	return p.text(value)
}

func (p property) number(value int64) ([]byte, abi.Status) {
	if p.asText() {
		return strconv.AppendInt(p.dst, value, 10), abi.StatusOK
	}
	return abi.AppendInt64(p.dst, value), abi.StatusOK
}

func (p property) flag(value bool) ([]byte, abi.Status) {
	if p.asText() {
		return strconv.AppendBool(p.dst, value), abi.StatusOK
	}
	return abi.AppendBool(p.dst, value), abi.StatusOK
}

// nanoseconds is a timestamp or a duration; as text it is seconds with milliseconds.
func (p property) nanoseconds(value int64) ([]byte, abi.Status) {
	if p.asText() {
		return strconv.AppendFloat(p.dst, time.Duration(value).Seconds(), 'f', 3, 64), abi.StatusOK
	}
	return abi.AppendInt64(p.dst, value), abi.StatusOK
}

// header joins the values of a name, which is in Go's form, as Envoy does.
func (p property) header(h http.Header, name string) ([]byte, abi.Status) {
	return p.joined(h[name])
}

func (p property) joined(values []string) ([]byte, abi.Status) {
	if len(values) == 0 {
		return nil, abi.StatusNotFound
	}
	for i, value := range values {
		if i > 0 {
			p.dst = append(p.dst, ',')
		}
		p.dst = append(p.dst, value...)
	}
	return p.dst, abi.StatusOK
}

// headerMap is what a property asks of a map of either direction.
type headerMap interface {
	Get(name []byte) (string, bool)
	AppendPairs(dst []abi.Pair) []abi.Pair
}

// headers answers a whole map, or the values of one name.
func (p property) headers(m headerMap, h http.Header, name abi.PropertyPath) ([]byte, abi.Status) {
	if len(name) == 0 {
		return abi.AppendPairs(p.dst, m.AppendPairs(nil)), abi.StatusOK
	}
	if values := valuesOf(h, name); len(values) > 0 {
		return p.joined(values)
	}
	value, ok := m.Get(name) // pseudo headers
	if !ok {
		return nil, abi.StatusNotFound
	}
	return p.text(value)
}

// sizeOf is the number of bytes of a map's names and values.
func sizeOf(h http.Header) (n int64) {
	for name, values := range h {
		for _, value := range values {
			n += int64(len(name) + len(value))
		}
	}
	return n
}
