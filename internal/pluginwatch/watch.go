// Package pluginwatch records what plugins do to one request, for its trace and for a header of its response.
package pluginwatch

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// tracerName is the instrumentation scope of the spans.
const tracerName = "github.com/loom-gateway/loom"

// Watch is a request that somebody looks at. Of the others there is none: a nil Watch and a nil Record do nothing.
type Watch struct {
	ctx    context.Context
	tracer trace.Tracer // nil: the request is not traced
	report *Report      // nil: the client has not asked
}

// New returns nil when nobody looks: ctx has no span that is recording, and report is nil.
func New(ctx context.Context, report *Report) *Watch {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		if report == nil {
			return nil
		}
		return &Watch{ctx: ctx, report: report}
	}
	return &Watch{ctx: ctx, tracer: span.TracerProvider().Tracer(tracerName), report: report}
}

// Begin starts the record of a plugin, which ends with Record.End. failOpen is the plugin's failure policy.
func (w *Watch) Begin(plugin string, failOpen bool) *Record {
	if w == nil {
		return nil
	}
	r := &Record{plugin: plugin, failOpen: failOpen}
	if w.tracer != nil {
		r.ctx, r.span = w.tracer.Start(w.ctx, "loom.plugin "+plugin)
		r.tracer = w.tracer
	}
	if w.report != nil {
		w.report.add(r)
	}
	return r
}
