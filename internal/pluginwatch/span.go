package pluginwatch

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// End ends the record when the stream has ended, and with it the plugin's span.
func (r *Record) End() {
	if r == nil || r.span == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	verdict := r.overall()
	r.span.SetAttributes(r.attributes(verdict)...)
	if verdict >= verdictSkip {
		text := r.limit
		if r.err != nil {
			text = r.err.Error()
		}
		r.span.SetStatus(codes.Error, text)
	}
	r.span.End()
}

// attributes of the plugin's span.
func (r *Record) attributes(v verdict) []attribute.KeyValue {
	list := []attribute.KeyValue{attribute.String("loom.plugin", r.plugin), attribute.String("loom.verdict", v.String())}
	var took time.Duration
	var hostcalls uint64
	for _, p := range r.phases {
		took += p.took
		hostcalls += p.hostcalls
		list = append(list, attribute.Float64("loom.phase."+p.kind.String()+".us", microseconds(p.took)))
		if p.status != 0 {
			list = append(list, attribute.Int("loom.local_reply.status", p.status))
		}
	}
	list = append(list, attribute.Float64("loom.guest.us", microseconds(took)), attribute.Int64("loom.hostcalls", int64(hostcalls)))
	if r.limit != "" {
		list = append(list, attribute.String("loom.limit", r.limit))
	}
	return append(list, r.changeAttributes()...)
}

// changeAttributes are the names of changed headers, such as loom.request_headers.added.
func (r *Record) changeAttributes() (list []attribute.KeyValue) {
	for t := abi.MapHTTPRequestHeaders; t <= abi.MapHTTPResponseTrailers; t++ {
		for _, how := range hows() {
			if names := r.names(t, how); len(names) > 0 {
				list = append(list, attribute.StringSlice("loom."+mapName(t)+"."+how.String(), names))
			}
		}
	}
	return list
}

// names lists what was changed in one way, by all phases.
func (r *Record) names(t abi.MapType, how how) (names []string) {
	for _, p := range r.phases {
		for _, c := range p.changes {
			if c.in == t && c.how == how && !slices.Contains(names, c.name) {
				names = append(names, c.name)
			}
		}
	}
	return names
}

func mapName(t abi.MapType) string {
	switch t {
	case abi.MapHTTPRequestHeaders:
		return "request_headers"
	case abi.MapHTTPRequestTrailers:
		return "request_trailers"
	case abi.MapHTTPResponseHeaders:
		return "response_headers"
	}
	return "response_trailers"
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// Calling implements proxywasm.Observer: a call has a span below the plugin's.
func (r *Record) Calling(kind proxywasm.CallKind, upstream string) proxywasm.ObservedCall {
	if r.span == nil {
		return nil
	}
	ctx, span := r.tracer.Start(r.ctx, "loom.call "+upstream, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("loom.plugin", r.plugin), attribute.String("loom.call.kind", string(kind)), attribute.String("loom.call.upstream", upstream)))
	return &call{ctx, span, kind}
}

// call is a call of a plugin that is traced.
type call struct {
	ctx  context.Context
	span trace.Span
	kind proxywasm.CallKind
}

// Headers are W3C's traceparent and tracestate.
func (c *call) Headers() (pairs []abi.Pair) {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(c.ctx, carrier)
	for _, name := range []string{"traceparent", "tracestate"} {
		if value := carrier[name]; value != "" {
			pairs = append(pairs, abi.Pair{Name: name, Value: value})
		}
	}
	return pairs
}

// Ended implements proxywasm.ObservedCall.
func (c *call) Ended(status, failure string) {
	if status != "" {
		c.span.SetAttributes(attribute.String("loom.call.status", status))
	}
	if failure != "" {
		c.span.SetStatus(codes.Error, failure)
	}
	c.span.End()
}

// Interface guard
var _ proxywasm.ObservedCall = (*call)(nil)
