package httpfilter

import (
	"strconv"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

// control acts on the names with which plugins that were built for Higress ask for something of the proxy. The other names
// of that kind (clear_route_cache, trace_span_tag.*, wasm_need_rebuild) are only kept, as any property is.
func (x *exchange) control(name string, value []byte) {
	switch name {
	case "set_decoder_buffer_limit":
		x.limitBody(filterstate.Request, value)
	case "set_encoder_buffer_limit":
		x.limitBody(filterstate.Response, value)
	}
}

func (x *exchange) limitBody(d filterstate.Direction, value []byte) {
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil && n > 0 {
		x.about.State.LimitBody(d, min(n, proxywasm.MaxBodyLimit))
	}
}

// bodyLimit is the most that is buffered of a body, in bytes: what a plugin of the request has asked for, or the limit of
// this one.
func (x *exchange) bodyLimit(body *proxywasm.Body) int64 {
	d := filterstate.Response
	if body == &x.input {
		d = filterstate.Request
	}
	return x.about.State.BodyLimit(d, x.filter.plugin.BodyLimit())
}
