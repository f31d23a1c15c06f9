package conformance

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/upstream"
)

func pauseAndContinue(s *suite) {
	pausingRequests(s)
	continuing(s)
	pausingResponses(s)
}

// byTick makes the tick continue a direction of the last stream, once per tick.
func byTick(before string) []string {
	return []string{"configure: tick 10", "tick: effective $stream; " + before}
}

func pausingRequests(s *suite) {
	s.check("P-01", 1, "a pause of the request's headers holds the request; a tick lets it go with the headers of then", func(t *testing.T) {
		g := one(t, append(byTick("set 0 x-a changed; continue 0"), "request_headers: set 0 x-a early; return 1")...)
		if a := g.get(t, "/"); !strings.Contains(a.body, `x-a=["changed"]`) {
			t.Errorf("%+v", a)
		}
	})
	s.check("P-02", 1, "no body callback comes while the request's headers are paused", func(t *testing.T) {
		g := one(t, append(byTick("log 2 x; continue 0"), "request_headers: return 1")...)
		a := g.do(t, http.MethodPost, "/", strings.NewReader("body"))
		if !strings.HasSuffix(a.body, "body=body") {
			t.Errorf("%+v", a)
		}
		wantOrder(t, g.log(), "> request_headers", "> tick", "  continue 0", "> request_body")
	})
	s.check("P-03", 1, "allowed to stop at headers only, body callbacks come, may change the headers, and release both", testHeadersHeld)
	s.check("P-04", 1, "header actions 3 and 4 stop everything, also where bodies are allowed to come", func(t *testing.T) {
		for _, action := range []string{"3", "4"} {
			g := serve(t, setup{plugins: probes(lines(append(byTick("log 2 x; continue 0"), "request_headers: return "+action)...), bodiesOfPausedHeaders)})
			if a := g.do(t, http.MethodPost, "/", strings.NewReader("body")); !strings.HasSuffix(a.body, "body=body") {
				t.Errorf("%+v", a)
			}
			wantOrder(t, g.log(), "> request_headers", "> tick", "  continue 0", "> request_body")
		}
	})
	s.check("P-05", 1, "actions that mean nothing are read as in Envoy", testOddActions)
	s.check("P-12", 1, "a body paused at its end is forwarded once, as it is when it is continued", func(t *testing.T) {
		g := one(t, append(byTick("setbuf 0 2147483647 0 !; continue 0"), "request_body: return 1")...)
		if a := g.do(t, http.MethodPost, "/", strings.NewReader("body")); !strings.HasPrefix(a.body[strings.Index(a.body, "body="):], "body=body!") {
			t.Errorf("%+v", a)
		}
		g.ended(t, 1)
	})
}

// bodiesOfPausedHeaders is Envoy's allow_on_headers_stop_iteration.
func bodiesOfPausedHeaders(s *plugin.Spec) { s.AllowOnHeadersStopIteration = true }

// wantOrder fails unless lines with these beginnings stand in this order.
func wantOrder(t *testing.T, log []string, prefixes ...string) {
	t.Helper()
	rest := log
	for _, prefix := range prefixes {
		i := slices.IndexFunc(rest, func(line string) bool { return strings.HasPrefix(line, prefix) })
		if i < 0 {
			t.Errorf("no %q where it should be in\n%s", prefix, strings.Join(log, "\n"))
			return
		}
		rest = rest[i+1:]
	}
}

func testHeadersHeld(t *testing.T) {
	const script = "request_headers: return 1\nrequest_body: set 0 x-a from-body; upper 0; return 0"
	for name, change := range map[string]func(*plugin.Spec){
		"allow_on_headers_stop_iteration": bodiesOfPausedHeaders,
		"profile higress":                 like("higress"),
		"ABI 0.2.100":                     func(s *plugin.Spec) { s.Code = withMarker(t, "proxy_abi_version_0_2_100") },
	} {
		g := serve(t, setup{plugins: probes(script, change)})
		a := g.do(t, http.MethodPost, "/", strings.NewReader("body"))
		if !strings.Contains(a.body, `x-a=["from-body"]`) || !strings.HasSuffix(a.body, "body=BODY") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	g := serve(t, setup{plugins: probes(lines(append(byTick("continue 0"), "request_headers: return 1")...), bodiesOfPausedHeaders)})
	g.get(t, "/")
	g.wantNot(t, "> request_body")

	// The client may be silent after its headers.
	silent := serve(t, setup{
		plugins: probes(lines(append(byTick("continue 0"), "request_headers: return 1")...), bodiesOfPausedHeaders),
		backend: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
	})
	from, to := io.Pipe()
	defer func() { _ = to.Close() }()
	if a := silent.do(t, http.MethodPost, "/", from); a.status != http.StatusAccepted {
		t.Errorf("%+v", a)
	}
}

func testOddActions(t *testing.T) {
	g := one(t, "request_headers: return 2")
	g.get(t, "/")
	for callback, n := range map[string]string{"request_headers": "5", "request_body": "4", "request_trailers": "2"} {
		g := one(t, append(byTick("log 2 x; continue 0"), callback+"@eos: return "+n, callback+": return 0")...)
		a := g.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n")
		if callback != "request_trailers" {
			g = one(t, append(byTick("log 2 x; continue 0"), callback+": return "+n)...)
			a = g.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody")
		}
		if !strings.HasPrefix(a, "HTTP/1.1 200 OK\r\n") {
			t.Errorf("%s: %q", callback, a)
		}
		wantOrder(t, g.log(), "> "+callback, "> tick", "  continue 0", "> response_headers")
		if callback == "request_body" && !strings.HasSuffix(a, "body=") {
			t.Errorf("action 4 on a body takes the chunk, as 3 does: %q", a)
		}
	}
}

func continuing(s *suite) {
	s.check("P-06", 1, "a callout's answer continues the request, or the response", testContinueFromCallout)
	s.check("P-07", 1, "continue takes effect after the callback: a guest is never entered twice", func(t *testing.T) {
		g := serve(t, setup{plugins: raws(t, "deferred")})
		a := g.do(t, http.MethodPost, "/", io.MultiReader(strings.NewReader("a"), strings.NewReader("b")))
		if a.status != http.StatusOK || !strings.HasSuffix(a.body, "body=ab") {
			t.Errorf("%+v", a)
		}
	})
	s.check("P-08", 1, "continue in the callback that pauses lets headers and body go", func(t *testing.T) {
		g := one(t, "request_headers: continue 0; return 1", "request_body: continue 0; return 1", "response_headers: continue 1; return 1", "response_body: continue 1; return 1")
		if a := g.do(t, http.MethodPost, "/", strings.NewReader("body")); a.status != http.StatusOK || !strings.HasSuffix(a.body, "body=body") {
			t.Errorf("%+v", a)
		}
	})
	s.check("P-09", 1, "continue of what is not paused is OK and does nothing, now or later", testContinueOfNothing)
	s.check("P-10", 1, "a direction that does not exist is BAD_ARGUMENT, one of TCP is OK", func(t *testing.T) {
		g := one(t, "request_headers: continue 2; continue 3; continue 4; continue 255; close 4; continue 0; continue 1")
		g.get(t, "/")
		g.want(t, "  continue 2 -> 0", "  continue 3 -> 0", "  continue 4 -> 2", "  continue 255 -> 2", "  close 4 -> 2", "  continue 0 -> 0", "  continue 1 -> 0")
	})
	s.check("P-11", 1, "a second pause after a resume works", func(t *testing.T) {
		g := one(t, append(byTick("log 2 x; continue 0; continue 1"), "request_headers: return 1", "request_body: return 1", "response_headers: return 1", "response_body: return 1")...)
		if a := g.do(t, http.MethodPost, "/", strings.NewReader("body")); a.status != http.StatusOK || !strings.HasSuffix(a.body, "body=body") {
			t.Errorf("%+v", a)
		}
		wantOrder(t, g.log(), "> request_headers", "> tick", "> request_body", "> tick", "> response_headers", "> tick", "> response_body", "> tick")
	})
	s.check("P-18", 2, "ABI 0.1.0 continues with proxy_continue_request and proxy_continue_response", func(t *testing.T) {
		g := serve(t, setup{plugins: raws(t, "headers010")})
		g.get(t, "/")
		if count(g.messages(), "tick") < 2 {
			t.Errorf("%q", g.messages())
		}
	})
	s.check("P-20", 2, "the answer to a call that is there at once is delivered after the callback", func(t *testing.T) {
		g := serve(t, setup{plugins: probes(lines("request_headers: http side :method=GET,:path=/,:authority=a; log 2 still-here; return 1", "http_call_response: effective $stream; continue 0")), upstreams: side(t)})
		g.get(t, "/")
		wantOrder(t, g.log(), "> request_headers", "  http side", "  log 2 still-here", "> http_call_response", "  continue 0")
	})
	s.check("P-21", 2, "what is written after continue in the same callback still counts", func(t *testing.T) {
		g := one(t, append(byTick("continue 0; continue 1; set 0 x-a after; set 2 x-b after"), "request_headers: return 1", "response_headers: return 1",
			"request_body: continue 0; setbuf 0 0 9 rewritten; return 1")...)
		a := g.do(t, http.MethodPost, "/", strings.NewReader("body"))
		if !strings.Contains(a.body, `x-a=["after"]`) || a.header.Get("X-B") != "after" || !strings.HasSuffix(a.body, "body=rewritten") {
			t.Errorf("%+v", a)
		}
	})
	s.check("P-19", 2, "a stream goes on when its last call is answered in profiles kong and apisix; else it stays paused", testResumeAfterCalls)
}

// side is an upstream that plugins can call.
func side(t *testing.T) map[string]upstream.Settings {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "side") }))
	t.Cleanup(server.Close)
	return map[string]upstream.Settings{"side": at(server.URL)}
}

func testContinueFromCallout(t *testing.T) {
	const call = "http side :method=GET,:path=/,:authority=a; return 1"
	g := serve(t, setup{upstreams: side(t), plugins: probes(lines("request_headers: "+call, "response_headers: "+call,
		"http_call_response: buf 4 0 9; effective $stream; set 0 x-a $val; set 2 x-b $val; continue 0; continue 1"))})
	if a := g.get(t, "/"); !strings.Contains(a.body, `x-a=["side"]`) || a.header.Get("X-B") != "side" {
		t.Errorf("%+v", a)
	}
}

func testResumeAfterCalls(t *testing.T) {
	script := lines("request_headers: http side :method=GET,:path=/1,:authority=a; return 1",
		"http_call_response#1: effective $stream; http side :method=GET,:path=/2,:authority=a", "http_call_response: effective $stream; set 0 x-a answered")
	for _, profile := range []proxywasm.Profile{proxywasm.ProfileKong, proxywasm.ProfileAPISIX} {
		g := serve(t, setup{plugins: probes(script, like(profile)), upstreams: side(t)})
		if a := g.get(t, "/"); !strings.Contains(a.body, `x-a=["answered"]`) {
			t.Errorf("profile %s: %+v\n%s", profile, a, strings.Join(g.log(), "\n"))
		}
	}
	apisix := serve(t, setup{plugins: probes("request_headers: return 1", like(proxywasm.ProfileAPISIX))})
	apisix.get(t, "/") // without a call there is nothing to wait for
	g := serve(t, setup{plugins: probes(script, func(s *plugin.Spec) { s.PauseTimeout = time.Second }), upstreams: side(t)})
	if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusGatewayTimeout {
		t.Errorf("%+v", a)
	}
	g.await(t, 2, "> http_call_response")
}

func testContinueOfNothing(t *testing.T) {
	g := one(t, append(byTick("set 0 x-a ticked; set 2 x-b ticked; continue 0; continue 1"),
		"request_headers: continue 0; continue 1; return 0", "request_body: continue 1; return 0", "response_headers: continue 0; return 1")...)
	a := g.do(t, http.MethodPost, "/", strings.NewReader("body"))
	if a.status != http.StatusOK || strings.Count(a.body, "POST") != 1 || a.header.Get("X-B") != "ticked" {
		t.Errorf("%+v", a) // the response waits for the tick: continuing it before it was paused does not count
	}
	g.want(t, "  continue 0 -> 0", "  continue 1 -> 0")
}
