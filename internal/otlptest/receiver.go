// Package otlptest is an OTLP receiver for tests: it takes the spans that the process exports.
package otlptest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Receiver is an OTLP server: it keeps the spans of the requests that exporters send.
type Receiver struct {
	mu    sync.Mutex
	spans []*otlp.Span
}

// Receive makes the process's exporter, which the next config with a tracing handler starts, send to a receiver.
func Receive(t *testing.T) *Receiver {
	t.Helper()
	rec := &Receiver{}
	s := httptest.NewServer(rec)
	t.Cleanup(s.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	return rec
}

// ServeHTTP takes an export.
func (rec *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, resource := range export.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			rec.spans = append(rec.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Spans are those of a name, in the order in which they were exported; the config must be closed, which exports what there is.
func (rec *Receiver) Spans(name string) (found []*otlp.Span) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, s := range rec.spans {
		if s.GetName() == name {
			found = append(found, s)
		}
	}
	return found
}

// Count is how many spans there are.
func (rec *Receiver) Count() int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return len(rec.spans)
}

// Span finds the one span of a name.
func (rec *Receiver) Span(t *testing.T, name string) *otlp.Span {
	t.Helper()
	found := rec.Spans(name)
	if len(found) == 1 {
		return found[0]
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	var names []string
	for _, s := range rec.spans {
		names = append(names, s.GetName())
	}
	t.Fatalf("there are %d spans %q among %q", len(found), name, names)
	return nil
}

// Attributes are those of a span as text.
func Attributes(s *otlp.Span) map[string]string {
	all := map[string]string{}
	for _, a := range s.GetAttributes() {
		all[a.GetKey()] = attributeText(a.GetValue())
	}
	return all
}

func attributeText(v *common.AnyValue) string {
	switch v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.GetStringValue()
	case *common.AnyValue_ArrayValue:
		var parts []string
		for _, part := range v.GetArrayValue().GetValues() {
			parts = append(parts, part.GetStringValue())
		}
		return strings.Join(parts, " ")
	}
	return strings.Trim(strings.NewReplacer("int_value:", "", "double_value:", "").Replace(v.String()), " ")
}
