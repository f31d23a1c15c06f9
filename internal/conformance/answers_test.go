package conformance

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

func answersSeenByPlugins(s *suite) {
	s.check("R-11", 2, "the plugin's own response callbacks see its answer, unless skip_own_local_reply is set", func(t *testing.T) {
		const script = "request_headers: reply 403 no\nresponse_headers: get 2 :status; set 2 x-own seen\nresponse_body: buf 1 0 9"
		g := one(t, script)
		if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusForbidden || a.header.Get("X-Own") != "seen" || a.body != "no" {
			t.Errorf("%+v", a)
		}
		g.want(t, `  get 2 :status -> 0 "403"`, `  buf 1 0 -> 0 "no"`)
		for _, change := range []func(*plugin.Spec){func(s *plugin.Spec) { s.SkipOwnLocalReply = true }, like(proxywasm.ProfileGoogle)} {
			g := serve(t, setup{plugins: probes(script, change)})
			if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusForbidden || a.header.Get("X-Own") != "" || a.body != "no" {
				t.Errorf("%+v", a)
			}
			g.ended(t, 1)
			g.wantNot(t, "> response_headers", "> response_body")
			g.want(t, "> log", "> done", "> delete")
		}
	})
	s.check("R-12", 2, "earlier plugins see it in their response callbacks, later ones see nothing of the stream", func(t *testing.T) {
		first := probe("response_headers: get 2 :status; set 2 x-first seen\nresponse_body: buf 1 0 9")
		second := probe("request_headers: reply 403 no")
		third := probe("request_headers: log 2 third")
		first.Name, second.Name, third.Name = "first", "second", "third"
		g := serve(t, setup{plugins: []plugin.Spec{first, second, third}})
		if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusForbidden || a.header.Get("X-First") != "seen" {
			t.Errorf("%+v", a)
		}
		g.want(t, `  get 2 :status -> 0 "403"`, `  buf 1 0 -> 0 "no"`)
		g.wantNot(t, "  log 2 third")
	})
	s.check("R-14", 2, "response.code_details are its details, blanks as underscores", func(t *testing.T) {
		g := one(t, `request_headers: reply 403 no - "denied by rule"`, "log: prop response|code_details; prop response|code")
		g.do(t, http.MethodGet, "/", nil)
		g.ended(t, 1)
		g.want(t, `  prop response|code_details -> 0 "denied_by_rule"`)
		plain := one(t, "log: prop response|code_details")
		plain.get(t, "/")
		plain.ended(t, 1)
		plain.want(t, `  prop response|code_details -> 0 "via_upstream"`)
	})
}

func answersToGRPC(s *suite) {
	s.check("R-13", 2, "a gRPC request gets it as grpc-status and grpc-message with HTTP 200", func(t *testing.T) {
		for _, tc := range []struct {
			script, message string
			code            codes.Code
		}{
			{`reply 403 "no, 100% ü"`, "no, 100% ü", codes.PermissionDenied},
			{"reply 400 m", "m", codes.Internal},
			{"reply 401 m", "m", codes.Unauthenticated},
			{"reply 404 m", "m", codes.Unimplemented},
			{"reply 429 m", "m", codes.Unavailable},
			{"reply 503 m", "m", codes.Unavailable},
			{"reply 500 m", "m", codes.Unknown},
			{"reply 200 m", "m", codes.Unknown},
			{"reply 403 m - - 8", "m", codes.ResourceExhausted},
			{"reply 403 m - - 17", "m", codes.PermissionDenied},
			{"reply 403 m grpc-status=9", "m", codes.FailedPrecondition},
		} {
			err := unary(t, serve(t, setup{plugins: probes("request_headers: " + tc.script), h2c: true}))
			if got := status.Convert(err); got.Code() != tc.code || got.Message() != tc.message {
				t.Errorf("%s: %v %q", tc.script, got.Code(), got.Message())
			}
		}
		for contentType, want := range map[string]int{"application/grpc": 200, "application/grpc+proto": 200, "application/grpc-web": 403} {
			g := one(t, "request_headers: set 0 content-type text/plain; reply 403 no")
			a := g.do(t, http.MethodPost, "/s/m", strings.NewReader("x"), "Content-Type", contentType)
			if a.status != want || (want == http.StatusOK) != (a.header.Get("Grpc-Status") == "7") {
				t.Errorf("%s: %+v", contentType, a)
			}
		}
	})
}

// unary calls a method that exists nowhere.
func unary(t *testing.T, g *gateway) error {
	t.Helper()
	conn, err := grpc.NewClient(g.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return conn.Invoke(ctx, "/test.Service/Method", &emptypb.Empty{}, &emptypb.Empty{})
}

func answersInTrouble(s *suite) {
	s.check("R-16", 2, "a trap behind it in the same callback: it or 503, never both", func(t *testing.T) {
		for _, script := range []string{"request_headers: reply 403 no; trap", "response_headers: reply 403 no; trap", "response_body: reply 403 no; trap"} {
			got := one(t, script).raw(t, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if strings.Count(got, "HTTP/1.1 ") != 1 || !strings.HasPrefix(got, "HTTP/1.1 503 ") || strings.Contains(got, "no") {
				t.Errorf("%s: %q", script, got)
			}
		}
		g := serve(t, setup{plugins: probes("request_headers: reply 403 no; trap", func(s *plugin.Spec) { s.FailurePolicy = plugin.PolicyOpen })})
		if a := g.get(t, "/"); !strings.HasPrefix(a.body, "GET / ") {
			t.Errorf("fail open: %+v", a)
		}
	})
	s.check("R-17", 1, "no callback sees the request's body after it", testNoBodyAfterAnswer)
	s.check("R-18", 2, "with a body that nobody reads, the connection is reused, or closed after the answer", testUnreadBody)
}

func testNoBodyAfterAnswer(t *testing.T) {
	g := one(t, "request_headers: reply 403 no")
	if a := g.do(t, http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 100000))); a.status != http.StatusForbidden {
		t.Errorf("%+v", a)
	}
	g.ended(t, 1)
	g.wantNot(t, "> request_body")

	// While the next handler still reads the body, the response is answered.
	late := serve(t, setup{plugins: probes("response_headers: reply 403 no"), backend: func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 5))
		w.WriteHeader(http.StatusOK)
		if n, err := io.Copy(io.Discard, r.Body); n > 0 || err == nil {
			t.Errorf("the next handler read %d bytes more, error %v", n, err)
		}
	}})
	from, to := io.Pipe()
	go func() {
		_, _ = io.WriteString(to, "first")
		late.await(t, 1, "> response_headers")
		_, _ = io.WriteString(to, "second")
		_ = to.Close()
	}()
	if a, err := late.try(http.MethodPost, "/", from); err != nil || a.status != http.StatusForbidden {
		t.Errorf("%+v %v", a, err)
	}
	late.ended(t, 1)
	if calls := late.find("> request_body"); len(calls) != 1 {
		t.Errorf("%q", calls)
	}
}

func testUnreadBody(t *testing.T) {
	g := one(t, "request_headers: reply 403 no")
	conn := g.dial(t)
	small := "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
	if _, err := io.WriteString(conn, small+strings.Replace(small, "Host: h", "Host: h\r\nConnection: close", 1)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || strings.Count(string(got), "HTTP/1.1 403 ") != 2 {
		t.Errorf("two small requests on one connection: %q %v", got, err)
	}

	big := g.dial(t)
	if _, err := io.WriteString(big, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(big), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "no" || res.StatusCode != http.StatusForbidden {
		t.Errorf("%+v %q %v", res, body, err)
	}

	h2 := serve(t, setup{plugins: probes("request_headers: reply 403 no"), tls: true})
	for range 2 {
		if a := h2.do(t, http.MethodPost, "/", io.LimitReader(endless{}, 10<<20)); a.status != http.StatusForbidden || a.body != "no" {
			t.Errorf("HTTP/2: %+v", a)
		}
	}
}

// endless is a body that a client has too much of.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
