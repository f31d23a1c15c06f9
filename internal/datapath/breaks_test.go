package datapath

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/rawbackend"
)

const ok = "HTTP/1.1 200 OK\r\n"

// scripts are backends that fail, each with what a client of any protocol must see: a status, or that the response is broken
// off, and never half a response that passes for a whole one.
var scripts = []struct {
	name, want string
	serve      func(conn *rawbackend.Conn)
}{
	{"accepts and closes", "502", func(*rawbackend.Conn) {}},
	{"accepts and resets", "502", func(conn *rawbackend.Conn) { conn.Reset() }},
	{"resets before the head", "502", func(conn *rawbackend.Conn) { conn.ReadRequest(); conn.Reset() }},
	{"closes before the head", "502", func(conn *rawbackend.Conn) { conn.ReadRequest() }},
	{"closes within the head", "502", answers(ok + "Content-Le")},
	{"closes after an informational response", "502", answers("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")},
	{"resets after the head, with a length", "broken", resets(ok + "Content-Length: 100\r\n\r\n")},
	{"resets after the head, with chunks", "broken", resets(ok + "Transfer-Encoding: chunked\r\n\r\n")},
	{"resets in a body with a length", "broken", resets(ok + "Content-Length: 100\r\n\r\nshort")},
	{"resets in a body with chunks", "broken", resets(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n")},
	{"resets in a body until the end", "broken", resets(ok + "\r\nshort")},
	{"closes in a body with a length", "broken", answers(ok + "Content-Length: 100\r\n\r\nshort")},
	{"closes in a body with chunks", "broken", answers(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n")},
	{"closes within a large body", "broken", answers(ok + "Content-Length: 900000\r\n\r\n" + strings.Repeat("x", 800_000))},
	{"closes before its trailers", "broken", answers(ok + "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n")},
	{"says something in between chunks", "broken", answers(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nnonsense\r\n")},
	{"is no HTTP server", "502", answers("220 mail.example.com ESMTP\r\n")},
	{"sends random bytes", "502", answers("\x16\x03\x01\x00\x9a\x01\x00\x00\x96\x03\x03\xff\xfe\x00\x00")},
	{"sends zeros", "502", answers(strings.Repeat("\x00", 100_000))},
	{"frames twice", "502", answers(ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n\r\n")},
	{"speaks HTTP/2", "502", answers("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x10\x00\x00\x00\x06\x00\x01\x00\x00")},
	{"ends with the connection, as HTTP/1.0 does", "200 whole", answers(ok + "\r\nwhole")},
}

func answers(text string) func(*rawbackend.Conn) {
	return func(conn *rawbackend.Conn) {
		conn.ReadRequest()
		conn.Send(text)
	}
}

// resets waits until the client has what was sent: a reset may overtake it.
func resets(text string) func(*rawbackend.Conn) {
	return func(conn *rawbackend.Conn) {
		conn.ReadRequest()
		conn.Send(text)
		time.Sleep(20 * time.Millisecond)
		conn.Reset()
	}
}

// TestBackendBreaksOff runs every way to fail through every protocol and both engines.
func TestBackendBreaksOff(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		for _, s := range scripts {
			t.Run(engine+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				if engine == "stock" && s.name == "frames twice" {
					t.Skip("net/http drops the length, as RFC 9112 permits")
				}
				b := rawbackend.Start(t, func(_ int, conn *rawbackend.Conn) { s.serve(conn) })
				g := start(t, toBackend+upstream([]string{b.Address}, "transport: {engine: "+engine+"}"))
				g.each(t, func(t *testing.T, c client) {
					if got := c.get(t, "/"); got != s.want {
						t.Errorf("the client sees %.60q, want %q", got, s.want)
					}
				})
			})
		}
	}
}

// TestBackendBreaksOffOverHTTP2 has streams end badly at a backend that speaks h2 or h2c.
func TestBackendBreaksOffOverHTTP2(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/within":
			w.Header().Set("Content-Length", "100")
			fallthrough
		case "/streaming":
			_, _ = io.WriteString(w, "short")
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	})
	plain := httptest.NewUnstartedServer(handler)
	plain.Config.Protocols = new(http.Protocols)
	plain.Config.Protocols.SetUnencryptedHTTP2(true)
	plain.Start()
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, config := range map[string]string{
		"h2c": upstream([]string{plain.Listener.Addr().String()}, "protocol: h2c"),
		"h2":  upstream([]string{secure.Listener.Addr().String()}, "protocol: https", "tls: {insecure_skip_verify: true}"),
	} {
		start(t, toBackend+config).each(t, func(t *testing.T, c client) {
			for path, want := range map[string]string{"/before": "502", "/within": "broken", "/streaming": "broken"} {
				if got := c.get(t, path); got != want {
					t.Errorf("%s %s: the client sees %q, want %q", name, path, got, want)
				}
			}
		})
	}
}

// TestGarbageInsteadOfHTTP2 has a backend that was to speak HTTP/2 say something else.
func TestGarbageInsteadOfHTTP2(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(*rawbackend.Conn){
		"HTTP/1.1":     func(conn *rawbackend.Conn) { conn.Send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") },
		"random bytes": func(conn *rawbackend.Conn) { conn.Send(strings.Repeat("\xff\x00\x17", 1000)) },
		"a reset":      func(conn *rawbackend.Conn) { conn.Reset() },
		"nothing":      func(*rawbackend.Conn) {},
	} {
		b := rawbackend.Start(t, func(_ int, conn *rawbackend.Conn) {
			_, _ = io.ReadFull(conn.Reader, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
			serve(conn)
		})
		start(t, toBackend+upstream([]string{b.Address}, "protocol: h2c")).each(t, func(t *testing.T, c client) {
			if got := c.get(t, "/"); got != "502" {
				t.Errorf("%s: the client sees %q", name, got)
			}
		})
	}
}

// TestBackendHangs has a backend that takes the request and does not answer. The route's timeout ends it with 504.
func TestBackendHangs(t *testing.T) {
	t.Parallel()
	route := "routes: [{path: \"/*\", upstream: backend, timeout: 100ms}]\n"
	hangs := func(_ int, conn *rawbackend.Conn) { _, _ = io.Copy(io.Discard, conn.Reader) }
	for name, document := range map[string]string{
		"before its answer":        route + upstream([]string{rawbackend.Start(t, hangs).Address}),
		"over h2c":                 route + upstream([]string{rawbackend.Start(t, hangs).Address}, "protocol: h2c"),
		"before the TLS handshake": toBackend + upstream([]string{rawbackend.Start(t, hangs).Address}, "protocol: https", "connection_pool: {dial_timeout: 100ms}"),
		"within its answer": route + upstream([]string{rawbackend.Start(t, func(n int, conn *rawbackend.Conn) {
			conn.ReadRequest()
			conn.Send(ok + "Content-Le")
			hangs(n, conn)
		}).Address}),
	} {
		start(t, document).each(t, func(t *testing.T, c client) {
			if got := c.get(t, "/"); got != "504" {
				t.Errorf("hangs %s: the client sees %q", name, got)
			}
		})
	}
}

// TestHangWithinBody has the route's timeout end a response that has begun: it is broken off, and not passed off as whole.
func TestHangWithinBody(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"with a length": "Content-Length: 100\r\n\r\nshort", "with chunks": "Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
	} {
		b := rawbackend.Start(t, func(_ int, conn *rawbackend.Conn) {
			conn.ReadRequest()
			conn.Send(ok + text)
			_, _ = io.Copy(io.Discard, conn.Reader)
		})
		g := start(t, "routes: [{path: \"/*\", upstream: backend, timeout: 200ms}]\n"+upstream([]string{b.Address}))
		g.each(t, func(t *testing.T, c client) {
			if got := c.get(t, "/"); got != "broken" {
				t.Errorf("%s: the client sees %q", name, got)
			}
		})
	}
}

// TestHangingEndpointIsFoundOut has the health check find the endpoint that accepts and never answers: requests go to the other.
func TestHangingEndpointIsFoundOut(t *testing.T) {
	t.Parallel()
	hangs := rawbackend.Start(t, func(_ int, conn *rawbackend.Conn) { _, _ = io.Copy(io.Discard, conn.Reader) })
	alive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "alive") }))
	t.Cleanup(alive.Close)
	g := start(t, toBackend+upstream([]string{hangs.Address, alive.Listener.Addr().String()},
		"health_check: {path: /, interval: 50ms, timeout: 50ms, unhealthy_threshold: 2, initial: unhealthy, healthy_threshold: 1}"))
	until(t, "the endpoint that answers is found", func() bool { return g.client(t, "h1").get(t, "/") == "200 alive" })
	g.each(t, func(t *testing.T, c client) {
		for range 10 {
			if got := c.get(t, "/"); got != "200 alive" {
				t.Errorf("the client sees %q", got)
			}
		}
	})
}

// TestRefusedIsNotTheEnd has requests of every kind go to the endpoint that listens, past one that refuses and one that fails the
// TLS handshake: nothing was sent yet.
func TestRefusedIsNotTheEnd(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		for _, http2 := range []bool{false, true} {
			secure, cert := httptest.NewUnstartedServer(http.HandlerFunc(echo)), newCertificate(t)
			secure.TLS, secure.EnableHTTP2 = &tls.Config{Certificates: []tls.Certificate{cert.pair}}, http2
			secure.StartTLS()
			t.Cleanup(secure.Close)
			noTLS := rawbackend.Start(t, func(_ int, conn *rawbackend.Conn) { conn.Send("HTTP/1.1 400 Bad Request\r\n\r\n") })
			g := start(t, toBackend+upstream([]string{refusing(t), noTLS.Address, secure.Listener.Addr().String()},
				"protocol: https", "tls: {ca: "+cert.chain+"}", "transport: {engine: "+engine+"}"))
			g.each(t, func(t *testing.T, c client) {
				for range 6 {
					res, body := c.do(t, http.MethodPost, "/", strings.NewReader("the body survives"))
					if res.StatusCode != http.StatusOK || body != "the body survives" {
						t.Errorf("%s, HTTP/2 %v: %d %q", engine, http2, res.StatusCode, body)
					}
				}
			})
		}
	}
}

func echo(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }

// refusing is an address on which nobody listens.
func refusing(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
