package conformance

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

func localResponses(s *suite) {
	answersByPhase(s)
	answersAsSent(s)
	answersSeenByPlugins(s)
	answersToGRPC(s)
	answersInTrouble(s)
}

// counted counts how often the backend is called.
func counted(n *atomic.Int32, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		then(w, r)
	}
}

func answersByPhase(s *suite) {
	s.check("R-01", 1, "from the request's headers: the client gets it, whatever the callback returns, and the next handler is not called", func(t *testing.T) {
		for _, action := range []string{"0", "1", "4"} {
			var calls atomic.Int32
			g := serve(t, setup{plugins: probes("request_headers: reply 403 no x-why=because; return " + action), backend: counted(&calls, echo)})
			a := g.do(t, http.MethodGet, "/", nil)
			if a.status != http.StatusForbidden || a.body != "no" || a.header.Get("X-Why") != "because" || a.header.Get("X-Backend") != "" || calls.Load() != 0 {
				t.Errorf("return %s: %+v, %d calls", action, a, calls.Load())
			}
		}
	})
	s.check("R-02", 1, "from the request's body, while it is held and while it streams, and from its trailers", testAnswerFromRequestBody)
	s.check("R-03", 1, "from a callout's answer, or a tick, on a paused stream", func(t *testing.T) {
		for _, script := range []string{
			"request_headers: http side :method=GET,:path=/,:authority=a; return 1\nhttp_call_response: effective $stream; reply 403 no",
			lines(append(byTick("reply 403 no"), "request_headers: return 1")...),
			lines(append(byTick("reply 403 no"), "response_headers: return 1")...),
			lines(append(byTick("reply 403 no"), "request_body: return 1")...),
		} {
			g := serve(t, setup{plugins: probes(script), upstreams: side(t)})
			if a := g.do(t, http.MethodPost, "/", strings.NewReader("body")); a.status != http.StatusForbidden || a.body != "no" {
				t.Errorf("%s: %+v", script, a)
			}
		}
	})
	s.check("R-04", 1, "from the response's headers: it replaces the upstream's response, whose body is left unread", testAnswerFromResponseHeaders)
	s.check("R-05", 1, "from the response's body: it replaces the response, or cuts one that has begun", testAnswerFromResponseBody)
	s.check("R-06", 1, "it is OK in every phase, and ignored where there is no stream to answer", func(t *testing.T) {
		g := one(t, "vm_start: reply 403 no; return 1", "configure: tick 10; reply 403 no; return 1", "tick: reply 403 no",
			"context_create: log 2 x", "log: reply 403 no", "done: reply 403 no", "delete: reply 403 no")
		g.await(t, 1, "> tick")
		g.get(t, "/")
		g.ended(t, 1)
		if all := g.find("  reply 403 no -> 0"); len(all) < 6 || len(all) != len(g.find("  reply")) {
			t.Errorf("%q", g.find("  reply"))
		}
	})
	s.check("R-07", 1, "the first answer counts; another one is OK and ignored", func(t *testing.T) {
		g := one(t, "request_headers: reply 403 first; reply 404 second", "response_headers: reply 500 third", "log: prop response|code")
		if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusForbidden || a.body != "first" {
			t.Errorf("%+v", a)
		}
		g.want(t, "  reply 404 second -> 0", "  reply 500 third -> 0")
	})
}

func testAnswerFromRequestBody(t *testing.T) {
	for _, script := range []string{
		"request_body@eos: reply 403 no\nrequest_body: return 1",
		"request_body: reply 403 no; return 0",
		"request_trailers: reply 403 no",
	} {
		g := one(t, script)
		got := g.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n")
		if script != "request_trailers: reply 403 no" {
			got = one(t, script).raw(t, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody")
		}
		if !strings.HasPrefix(got, "HTTP/1.1 403 ") || !strings.HasSuffix(got, "\r\n\r\nno") {
			t.Errorf("%s: %q", script, got)
		}
	}
	g := serve(t, setup{plugins: probes("request_body#2: reply 403 no"), backend: upstreamed(t, echo)})
	from, to := io.Pipe()
	go func() {
		_, _ = io.WriteString(to, "first")
		g.await(t, 1, "> request_body")
		_, _ = io.WriteString(to, "second")
		_ = to.Close()
	}()
	if a, err := g.try(http.MethodPost, "/", from); err != nil || a.status != http.StatusForbidden || a.body != "no" {
		t.Errorf("while the body streams: %+v %v", a, err)
	}
}

func testAnswerFromResponseHeaders(t *testing.T) {
	left := make(chan struct{})
	g := serve(t, setup{plugins: probes("response_headers: reply 418 own x-own=1"), backend: upstreamed(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		w.Header().Set("X-Upstream", "1")
		for r.Context().Err() == nil { // ends when the gateway closes the connection
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	})})
	a := g.do(t, http.MethodGet, "/", nil)
	if a.status != http.StatusTeapot || a.body != "own" || a.header.Get("X-Own") != "1" || a.header.Get("X-Upstream") != "" {
		t.Errorf("%+v", a)
	}
	<-left
	g.ended(t, 1)
}

func testAnswerFromResponseBody(t *testing.T) {
	for _, script := range []string{"response_body: reply 418 own", "response_body@eos: reply 418 own\nresponse_body: return 1"} {
		g := one(t, script)
		if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusTeapot || a.body != "own" || a.header.Get("X-Backend") != "" {
			t.Errorf("%s: %+v", script, a)
		}
	}
	g := serve(t, setup{plugins: probes("response_body#2: reply 418 own"), backend: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "second")
	}})
	a, err := g.try(http.MethodGet, "/", nil)
	if err == nil || a.status != http.StatusOK || strings.Contains(a.body, "own") || strings.Contains(a.body, "second") {
		t.Errorf("after the head: %+v, error %v", a, err)
	}
	g.await(t, 1, "> delete")
	if countContaining(g.messages(), "cutting a response") != 1 {
		t.Errorf("%q", g.messages())
	}
}

func answersAsSent(s *suite) {
	s.check("R-08", 1, "its headers: duplicates stay, names have any case, a content-type wins", func(t *testing.T) {
		g := one(t, "request_headers: reply 403 {} X-Dup=1,x-dup=2,CONTENT-type=application/json")
		a := g.do(t, http.MethodGet, "/", nil)
		if !slices.Equal(a.header.Values("X-Dup"), []string{"1", "2"}) || !slices.Equal(a.header.Values("Content-Type"), []string{"application/json"}) {
			t.Errorf("%v", a.header)
		}
		if plain := one(t, "request_headers: reply 403 text").do(t, http.MethodGet, "/", nil); plain.header.Get("Content-Type") != "text/plain" {
			t.Errorf("%v", plain.header)
		}
	})
	s.check("R-09", 1, "details, body and headers may be null", func(t *testing.T) {
		g := one(t, "request_headers: reply 401")
		if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusUnauthorized || a.body != "" || a.header.Get("Content-Length") != "0" {
			t.Errorf("%+v", a)
		}
	})
	s.check("R-10", 1, "its length is right; to HEAD, and with 204, there is no body", testAnswerLength)
	s.check("R-15", 2, "a status that is none gives 500 and a warning; in profile kong BAD_ARGUMENT above 999", func(t *testing.T) {
		for _, status := range []string{"0", "99", "100", "1000", "4294967295"} {
			g := one(t, "request_headers: reply "+status+" odd")
			if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusInternalServerError || a.body != "odd" {
				t.Errorf("%s: %+v", status, a)
			}
			g.want(t, "  reply "+status+" odd -> 0")
			if countContaining(g.reasons(), "500 was sent instead") != 1 {
				t.Errorf("%q", g.reasons())
			}
		}
		kong := serve(t, setup{plugins: probes("request_headers: reply 1000 odd; reply 403 no", like(proxywasm.ProfileKong))})
		if a := kong.do(t, http.MethodGet, "/", nil); a.status != http.StatusForbidden || a.body != "no\n" {
			t.Errorf("%+v", a)
		}
		kong.want(t, "  reply 1000 odd -> 2")
	})
}

func testAnswerLength(t *testing.T) {
	for _, tc := range []struct{ method, script, has, hasNot, end string }{
		{"GET", "reply 403 12345", "Content-Length: 5\r\n", "chunked", "\r\n\r\n12345"},
		{"GET", "reply 403 12345 content-length=9,transfer-encoding=chunked", "Content-Length: 5\r\n", "chunked", "\r\n\r\n12345"},
		{"HEAD", "reply 403 12345", "Content-Length: 5\r\n", "chunked", "\r\n\r\n"},
		{"GET", "reply 204 12345", " 204 ", "Content-Length", "\r\n\r\n"},
		{"GET", "reply 304 12345 etag=e", "Etag: e\r\n", "Content-Length", "\r\n\r\n"},
	} {
		got := one(t, "request_headers: "+tc.script).raw(t, tc.method+" / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		if !strings.Contains(got, tc.has) || strings.Contains(got, tc.hasNot) || !strings.HasSuffix(got, tc.end) {
			t.Errorf("%s, %s: %q", tc.method, tc.script, got)
		}
	}
	g := serve(t, setup{plugins: probes("request_headers: reply 403 12345"), tls: true})
	if a := g.do(t, http.MethodHead, "/", nil); a.status != http.StatusForbidden || a.header.Get("Content-Length") != "5" || a.body != "" {
		t.Errorf("HTTP/2: %+v", a)
	}
	if a := g.do(t, http.MethodPost, "/", strings.NewReader("body")); a.status != http.StatusForbidden || a.body != "12345" {
		t.Errorf("HTTP/2: %+v", a)
	}
}
