package foreign

import "github.com/loom-gateway/loom/internal/protofields"

// FilterState reads the arguments of `set_envoy_filter_state`: path = 1, value = 2, and a span (3), which does not matter
// here: what is kept lives as long as the request.
func FilterState(args []byte) (path string, value []byte, ok bool) {
	m, ok := protofields.Decode(args)
	return string(m.Text(1)), m.Text(2), ok && len(m.Text(1)) > 0
}

// Declaration reads the arguments of `declare_property`: name = 1, readonly = 2, and type (3), schema (4) and span (5), which
// do not matter here.
func Declaration(args []byte) (name string, readOnly, ok bool) {
	m, ok := protofields.Decode(args)
	return string(m.Text(1)), m.Number(2) != 0, ok && len(m.Text(1)) > 0
}
