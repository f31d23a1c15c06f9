package datapath

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestClientsDoNotTripBreakers has clients do everything wrong that they can, against an upstream whose breaker opens at the
// second failure and stays open: what a client breaks says nothing about the backend, and must not take it from the others.
func TestClientsDoNotTripBreakers(t *testing.T) {
	t.Parallel()
	const head = " HTTP/1.1\r\nHost: a\r\n"
	raw := func(text string) func(testing.TB, *gateway) {
		return func(t testing.TB, g *gateway) {
			conn := dial(t, g.plain, false)
			_, _ = io.WriteString(conn, text)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return
			}
			defer res.Body.Close()
			_, _ = io.Copy(io.Discard, res.Body)
			if res.StatusCode >= 500 {
				t.Errorf("the client's fault is answered with %d", res.StatusCode)
			}
		}
	}
	h2 := func(fields ...string) func(testing.TB, *gateway) {
		return func(t testing.TB, g *gateway) {
			f := g.frames(t, true)
			id := f.open(false, append([]string{":method", "POST", ":scheme", "https", ":authority", "a"}, fields...)...)
			_ = f.WriteData(id, true, []byte("short"))
			if got := f.answer(id); strings.HasPrefix(got.status, "5") {
				t.Errorf("the client's fault is answered with %s", got.status)
			}
		}
	}
	for name, attack := range map[string]func(testing.TB, *gateway){
		"a chunk that is none":           raw("POST /" + head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n"),
		"a trailer that is none":         raw("POST /" + head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nnonsense\r\n\r\n"),
		"a trailer with a control byte":  raw("POST /" + head + "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: \x01\r\n\r\n"),
		"a space in the query":           raw("GET /?q=a b" + head + "\r\n"),
		"a body that is too short in h2": h2(":path", "/", "content-length", "10"),
		"a body that is too long in h2":  h2(":path", "/", "content-length", "2"),
		"a space in the query in h2":     h2(":path", "/?q=a b"),
		"a tab in the path in h2":        h2(":path", "/a\tb"),
		"a host that is none in h2":      h2(":path", "/", "host", "b c"),
		"a method that is none in h2":    h2(":path", "/", ":method", "GET /"),
		"half a body, then the end": func(t testing.TB, g *gateway) {
			conn := dial(t, g.plain, false)
			fmt.Fprint(conn, "POST /"+head+"Content-Length: 10\r\n\r\nshort")
			_ = conn.(interface{ CloseWrite() error }).CloseWrite()
			_, _ = bufio.NewReader(conn).ReadByte()
		},
		"half a response, then gone": func(t testing.TB, g *gateway) {
			conn := dial(t, g.plain, false)
			fmt.Fprint(conn, "GET /stream"+head+"\r\n")
			_, _ = bufio.NewReader(conn).ReadByte()
			_ = conn.Close()
		},
	} {
		for _, engine := range []string{"loom", "stock"} {
			t.Run(name+"/"+engine, func(t *testing.T) {
				t.Parallel()
				backend := httptest.NewServer(http.HandlerFunc(blameless))
				t.Cleanup(backend.Close)
				g := start(t, toBackend+upstream([]string{backend.Listener.Addr().String()}, "circuit_breaker: {failure_threshold: 2, timeout: 1h}",
					"passive_health: {failure_threshold: 2, ejection_time: 1h, max_ejected: 100}", "transport: {engine: "+engine+"}"))
				for range 3 {
					attack(t, g)
				}
				time.Sleep(20 * time.Millisecond) // what the attack has left may still be counted
				if got := g.client(t, "h1").get(t, "/"); got != "200 well" {
					t.Errorf("another client gets %q", got)
				}
			})
		}
	}
}

// blameless answers when it has read the request, or streams.
func blameless(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/stream" {
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	}
	if _, err := io.Copy(io.Discard, r.Body); err == nil {
		_, _ = io.WriteString(w, "well")
	}
}

// A length over HTTP/2 that is no number is refused before a backend hears of the request.
func TestLengthThatIsNoNumber(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(backend.Close)
	g := start(t, toBackend+upstream([]string{backend.Listener.Addr().String()}))
	for _, length := range []string{"", "five", "-5", "+5", "5, 5", "0x5", "9223372036854775808"} {
		f := g.frames(t, true)
		id := f.open(false, ":method", "POST", ":scheme", "https", ":authority", "a", ":path", "/", "content-length", length)
		_ = f.WriteData(id, true, nil) // more than nothing would be reset by the server itself, sometimes later
		if got := f.answer(id); got.status != "400" || seen.Load() != 0 {
			t.Errorf("%q: %s, and the backend has seen %d requests", length, got.status, seen.Load())
		}
	}
}
