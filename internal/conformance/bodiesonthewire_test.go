package conformance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

// bodiesOnTheWire are the statements about when bytes move, and when they do not.
func bodiesOnTheWire(s *suite) {
	s.check("B-22", 1, "without a body callback a body is never held, and Flush and ReadFrom of the connection stay in use", withoutBodyCallbacks)
	s.check("B-24", 2, "an event that the backend flushes reaches the plugin and the client before the next one is sent", func(t *testing.T) {
		next := make(chan struct{})
		backend := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for range 3 {
				_, _ = io.WriteString(w, "data: event\n")
				_ = http.NewResponseController(w).Flush()
				<-next
			}
		}
		for _, c := range overCaddy(t, "response_body: upper 1", backend) {
			res, err := c.client.Get(c.url)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			for events := bufio.NewScanner(res.Body); events.Scan(); next <- struct{}{} {
				if events.Text() != "DATA: EVENT" {
					t.Errorf("%s: %q", c.name, events.Text())
				}
			}
			_ = res.Body.Close()
		}
	})
	s.check("B-28", 2, "100 Continue is sent when the body is read, and not before: a plugin that refuses by the headers never asks for it", expectContinue)
	s.check("B-29", 2, "a next handler that does not read the body the plugin reads neither hangs nor breaks the connection", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_body: upper 0")}, backend: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "unread")
		}})
		for range 3 {
			for _, body := range []io.Reader{strings.NewReader(strings.Repeat("x", 100_000)), chunked(strings.Repeat("x", 100_000))} {
				if a := g.do(t, "POST", "/", body); a.body != "unread" {
					t.Errorf("body %q", a.body)
				}
			}
		}
		g.wantEnds(t, 6)
	})
	s.check("B-30", 2, "after the client has gone no body callback runs, and the stream ends in order", clientLeavesDuringBody)
	s.check("B-32", 3, "an upgraded connection has no body callbacks; its stream ends when the handler returns", upgraded)
}

// readerFrom counts whether the fast path of a connection was taken.
type readerFrom struct {
	http.ResponseWriter
	used *int
}

func (w readerFrom) ReadFrom(r io.Reader) (int64, error) {
	*w.used++
	return io.Copy(w.ResponseWriter, r)
}

func (w readerFrom) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func withoutBodyCallbacks(t *testing.T) {
	used, flushed := 0, make(chan struct{})
	heads := func(s *plugin.Spec) { s.Phase = "on_response_headers" }
	g := serve(t, setup{
		plugins: []plugin.Spec{probe("", heads)},
		around: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(readerFrom{w, &used}, r) })
		},
		backend: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
			<-flushed
			if _, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("second")); err != nil {
				t.Error(err)
			}
		},
	})
	res, err := g.Client().Get(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	first := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first" {
		t.Errorf("%q, %v", first, err)
	}
	close(flushed)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "second" {
		t.Errorf("%q, %v", rest, err)
	}
	g.ended(t, 1)
	if used != 1 {
		t.Errorf("ReadFrom of the connection was used %d times", used)
	}
	g.wantNot(t, "> response_body", "> request_body")
}

func expectContinue(t *testing.T) {
	script := lines("request_headers: get 0 x-no; return 0", "request_body: upper 0")
	deny := lines("request_headers: reply 403 no")
	for wantContinue, plugins := range map[bool]plugin.Spec{true: probe(script), false: probe(deny)} {
		g := serve(t, setup{plugins: []plugin.Spec{plugins}, backend: readingBackend})
		conn, err := net.Dial("tcp", g.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
		reader := bufio.NewReader(conn)
		res, err := http.ReadResponse(reader, nil)
		if err != nil || (res.StatusCode == http.StatusContinue) != wantContinue {
			t.Fatalf("first answer %v, error %v", res, err)
		}
		if !wantContinue {
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("status %d", res.StatusCode)
			}
			continue
		}
		_, _ = io.WriteString(conn, "body")
		res, err = http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); string(body) != "length=4 BODY" {
			t.Errorf("body %q", body)
		}
	}
}

func clientLeavesDuringBody(t *testing.T) {
	seen := make(chan int, 1)
	var g *gateway
	g = serve(t, setup{plugins: []plugin.Spec{probe("")}, backend: func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		for range 1000 { // until the connection says so
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				break
			}
		}
		seen <- len(g.find("> response_body"))
		_, _ = w.Write([]byte("more"))
	}})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", g.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = res.Body.Close()
	before := <-seen
	g.await(t, 1, "> delete ctx=")
	if after := len(g.find("> response_body")); after != before {
		t.Errorf("%d body callbacks after the connection was gone", after-before)
	}
	if g.logs.FilterMessageSnippet("cutting a response").Len() > 0 {
		t.Error("a client that leaves is logged as an error")
	}
}

func upgraded(t *testing.T) {
	g := serve(t, setup{plugins: []plugin.Spec{probe("")}, backend: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "echo")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		line, _ := rw.ReadString('\n')
		_, _ = fmt.Fprintf(conn, "got %s", line)
	}})
	conn, err := net.Dial("tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(conn)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", res, err)
	}
	g.wantNot(t, "> log", "> done", "> delete")
	_, _ = io.WriteString(conn, "hello\n")
	if line, _ := reader.ReadString('\n'); line != "got hello\n" {
		t.Errorf("through the upgrade came %q", line)
	}
	g.wantEnds(t, 1)
	g.wantNot(t, "> response_body", "> request_body")
}
