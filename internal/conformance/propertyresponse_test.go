package conformance

import (
	"net/http"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

func responseProperties(s *suite) {
	s.check("A-11", 1, "response.* is known in the response's callbacks and at the end, and not before", func(t *testing.T) {
		paths := []string{
			"response|code", "response|code_details", "response|flags", "response|size", "response|total_size",
			"response|headers_bytes", "response|headers|x-b", "response|headers|x-none",
		}
		g := serve(t, setup{
			plugins: []plugin.Spec{probe(lines(asks("request_headers", paths...), asks("response_headers", paths...), asks("log", paths...)))},
			backend: func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["X-B"] = []string{"1", "2"}
				w.WriteHeader(http.StatusTeapot)
				_, _ = w.Write([]byte("hello"))
			},
		})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		for _, path := range paths {
			if first := answersOf(t, g.log(), path)[0]; first.status != "1" {
				t.Errorf("%s in on_request_headers: status %s", path, first.status)
			}
		}
		for i, size := range map[int]int64{1: 0, 2: 5} { // in on_response_headers, and at the end
			at := func(path string) answered { return answersOf(t, g.log(), path)[i] }
			if code := asNumber(t, "code", at("response|code")); code != http.StatusTeapot {
				t.Errorf("response.code %d", code)
			}
			head := asNumber(t, "headers_bytes", at("response|headers_bytes"))
			if got, total := asNumber(t, "size", at("response|size")), asNumber(t, "total", at("response|total_size")); got != size || total != head+size || head == 0 {
				t.Errorf("size %d, total_size %d, headers_bytes %d", got, total, head)
			}
			if flags := asNumber(t, "flags", at("response|flags")); flags != 0 {
				t.Errorf("response.flags %#x", flags)
			}
			for path, want := range map[string]answered{
				"response|code_details": {"0", []byte("via_upstream")}, "response|headers|x-b": {"0", []byte("1,2")}, "response|headers|x-none": {"1", nil},
			} {
				if got := at(path); got.status != want.status || string(got.value) != string(want.value) {
					t.Errorf("%s: %s %q", path, got.status, got.value)
				}
			}
		}
		t.Run("gRPC", grpcStatusProperty)
		t.Run("local response", localResponseProperties)
	})
}

// grpcStatusProperty: in the trailers, or in the headers of a response without a body.
func grpcStatusProperty(t *testing.T) {
	for name, backend := range map[string]http.HandlerFunc{
		"trailers": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("message"))
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "7")
		},
		"headers": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Grpc-Status", "7") },
	} {
		g := serve(t, setup{tls: true, plugins: []plugin.Spec{probe(lines(
			asks("request_headers", "response|grpc_status"), asks("log", "response|grpc_status", "response|trailers|grpc-status")))}, backend: backend})
		g.do(t, "POST", "/", nil, "Content-Type", "application/grpc", "Te", "trailers")
		g.ended(t, 1)
		list := answersOf(t, g.log(), "response|grpc_status")
		if len(list) != 2 || list[0].status != "1" || asNumber(t, "grpc_status", list[1]) != 7 {
			t.Errorf("%s: response.grpc_status %v", name, list)
		}
		if trailer := g.property(t, "response|trailers|grpc-status"); name == "trailers" && string(trailer.value) != "7" {
			t.Errorf("response.trailers.grpc-status %v", trailer)
		}
	}
}

// localResponseProperties: the details of a plugin's answer are code_details, also to the other plugins of the request.
func localResponseProperties(t *testing.T) {
	outer := probe(asks("log", "response|code", "response|code_details"))
	inner := probe("request_headers: reply 403 no - \"not this one\"", func(s *plugin.Spec) { s.Name = "inner" })
	g := serve(t, setup{plugins: []plugin.Spec{outer, inner}})
	g.do(t, "GET", "/", nil)
	g.ended(t, 1)
	g.wantNumbers(t, map[string]int64{"response|code": 403})
	g.wantText(t, map[string]string{"response|code_details": "not_this_one"})
}
