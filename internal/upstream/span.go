package upstream

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/loom-gateway/loom/internal/http1"
)

const (
	// tracerName is the instrumentation scope of the spans.
	tracerName = "github.com/loom-gateway/loom"

	traceparent = "Traceparent"
)

// send sends the request to one endpoint. If the request is traced, it has a span for it, until the head of the response: so a
// trace shows each endpoint that was tried, and the backend's own spans stand below the try that has reached it.
func (c *Call) send(e *Endpoint, req *http.Request, inform http1.Informational) (*http.Response, error) {
	parent := trace.SpanFromContext(req.Context())
	if !parent.IsRecording() {
		return e.roundTrip(req, inform)
	}
	ctx, span := parent.TracerProvider().Tracer(tracerName).Start(req.Context(), "loom.try "+c.Upstream(),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("loom.upstream", c.Upstream()), attribute.String("loom.endpoint", e.name), attribute.Int("loom.attempt", c.attempts),
			attribute.String("http.request.method", req.Method)))
	defer span.End()
	traced := req.WithContext(ctx)
	traced.Header = below(req.Header, parent.SpanContext(), span.SpanContext())
	res, err := e.roundTrip(traced, inform)
	switch {
	case err != nil:
		span.SetStatus(codes.Error, err.Error())
	case res.StatusCode >= http.StatusInternalServerError:
		span.SetStatus(codes.Error, "")
		fallthrough
	default:
		span.SetAttributes(attribute.Int("http.response.status_code", res.StatusCode))
	}
	return res, err
}

// below has the backend see the try as its parent, where it would have seen the request's span. A traceparent that a plugin has
// made up is left as it is, and so is every other format.
func below(header http.Header, parent, try trace.SpanContext) http.Header {
	if header.Get(traceparent) != formatted(parent) {
		return header
	}
	header = header.Clone()
	header.Set(traceparent, formatted(try))
	return header
}

// formatted is a span as W3C's traceparent has it.
func formatted(s trace.SpanContext) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), s), carrier)
	return carrier["traceparent"]
}
