package datapath

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"golang.org/x/net/http2"
)

// TestClientLeaves has a client go away at every moment: the request at the backend is canceled.
func TestClientLeaves(t *testing.T) {
	began, canceled := make(chan struct{}, 1), make(chan struct{}, 1)
	backend := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/answered" {
			_, _ = io.WriteString(w, "the beginning")
			_ = http.NewResponseController(w).Flush()
		}
		if r.URL.Path == "/sending" {
			_, _ = io.ReadFull(r.Body, make([]byte, 4))
			began <- struct{}{}
			_, _ = io.Copy(io.Discard, r.Body)
			canceled <- struct{}{}
			return
		}
		began <- struct{}{}
		<-r.Context().Done()
		canceled <- struct{}{}
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			s := serve(t, kind.http2, kind.tls, backend)
			start(t, toBackend+upstream([]string{s}, kind.config...)).each(t, func(t *testing.T, c client) {
				for _, path := range []string{"/waiting", "/answered", "/sending"} {
					ctx, cancel := context.WithCancel(t.Context())
					body, send := io.Pipe()
					method := http.MethodGet
					req := c.request(t, method, path, nil)
					if path == "/sending" {
						req = c.request(t, http.MethodPost, path, body)
						go func() { _, _ = io.WriteString(send, "half") }()
					}
					ended := make(chan struct{})
					go func() {
						defer close(ended)
						if res, err := c.RoundTrip(req.WithContext(ctx)); err == nil {
							_, _ = io.Copy(io.Discard, res.Body)
							_ = res.Body.Close()
						}
					}()
					within(t, path+" at the backend", began)
					cancel()
					_ = send.CloseWithError(io.ErrUnexpectedEOF)
					within(t, "the end of "+path+" at the backend", canceled)
					within(t, "the end of "+path, ended)
				}
			})
		})
	}
}

// TestConnectionIsCut has the whole connection of a client end, in HTTP/1.1 and in HTTP/2 with several requests on it.
func TestConnectionIsCut(t *testing.T) {
	t.Parallel()
	began, canceled := make(chan struct{}, 10), make(chan struct{}, 10)
	g := start(t, toBackend+upstream([]string{serve(t, false, false, func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-r.Context().Done()
		canceled <- struct{}{}
	})}))
	for _, secure := range []bool{false, true} {
		conn := dial(t, g.plain, false)
		if secure {
			conn = dial(t, g.secure, true)
		}
		_, _ = fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		within(t, "the request", began)
		_ = conn.Close()
		within(t, "its end", canceled)
	}
	f := g.frames(t, true)
	const streams = 3
	for range streams {
		f.open(true, ":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/")
		within(t, "the request", began)
	}
	f.must(f.WriteRSTStream(1, http2.ErrCodeCancel))
	within(t, "the end of the stream that was reset", canceled)
	_ = f.conn.Close()
	for range streams - 1 {
		within(t, "the end of the others", canceled)
	}
}

// TestUploadIsReadNoLongerThanItsHandler answers while bodies are still coming, over every protocol: nothing reads a body when its
// handler is gone, and the next request finds the connection, or a new one, in step. The race detector has its say.
func TestUploadIsReadNoLongerThanItsHandler(t *testing.T) {
	everywhere(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/some" {
			_, _ = io.ReadFull(r.Body, make([]byte, 10))
		}
		w.WriteHeader(http.StatusForbidden)
	}, func(t *testing.T, c client) {
		for i := range 20 {
			body, send := io.Pipe()
			go func() {
				for range 50 {
					if _, err := send.Write(make([]byte, 1000)); err != nil {
						return
					}
				}
				_ = send.Close()
			}()
			path := []string{"/none", "/some"}[i%2]
			req := c.request(t, http.MethodPost, path, body)
			if i%4 > 1 {
				req.ContentLength = 50_000
			}
			res, err := c.RoundTrip(req)
			if err == nil {
				if res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusBadGateway {
					t.Errorf("%s: %s", path, res.Status)
				}
				_, _ = bufio.NewReader(res.Body).ReadByte()
				_ = res.Body.Close()
			}
			_ = send.CloseWithError(io.ErrClosedPipe)
			if got := c.get(t, "/next"); got != "403" {
				t.Errorf("the next request gets %s", got)
			}
		}
	})
}
