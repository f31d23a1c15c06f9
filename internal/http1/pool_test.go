package http1

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// counted is a server that knows how many connections it has.
type counted struct {
	*httptest.Server
	made, open atomic.Int64
}

func serve(t *testing.T, handle http.HandlerFunc) *counted {
	t.Helper()
	c := &counted{Server: httptest.NewUnstartedServer(handle)}
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			c.made.Add(1)
			c.open.Add(1)
		case http.StateClosed:
			c.open.Add(-1)
		}
	}
	c.Start()
	t.Cleanup(c.Server.Close)
	return c
}

func (c *counted) client(t *testing.T, s Settings) *Client {
	s.Dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", c.Listener.Addr().String())
	}
	client := New(s)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func get(t *testing.T, c *Client) string {
	t.Helper()
	res, err := c.RoundTrip((&http.Request{Host: "a", URL: mustURL("/")}).WithContext(t.Context()))
	if err != nil {
		t.Error(err)
		return ""
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

// until waits for something that the other side of a socket has to notice first.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not so after 20 seconds", what)
		}
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	together := make(chan struct{})
	var waiting atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if waiting.Add(1) == 5 {
			close(together)
		}
		<-together
		io.WriteString(w, "ok")
	})
	c := s.client(t, Settings{MaxIdle: 2})
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { get(t, c) })
	}
	all.Wait()
	until(t, "two connections are left", func() bool { return s.open.Load() == 2 })
	c.CloseIdleConnections()
	until(t, "none is left", func() bool { return s.open.Load() == 0 })
	if c.pool.open != 0 || c.pool.timer != nil {
		t.Errorf("the pool counts %d connections, timer %v", c.pool.open, c.pool.timer)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		io.WriteString(w, "ok")
	})
	c := s.client(t, Settings{MaxIdle: 1, MaxConns: 2})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { get(t, c) })
	}
	all.Wait()
	if most.Load() > 2 || s.made.Load() < 1 {
		t.Errorf("%d requests at once over %d connections", most.Load(), s.made.Load())
	}
	if c.pool.open > 2 || len(c.pool.waiting) > 0 {
		t.Errorf("the pool counts %d connections and %d who wait", c.pool.open, len(c.pool.waiting))
	}
}

// TestWaitingEnds has a request that waits for a connection give up with its context, and leave nothing behind.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	hold, held := make(chan struct{}), make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) {
		close(held)
		<-hold
	})
	c := s.client(t, Settings{MaxIdle: 1, MaxConns: 1})
	var first sync.WaitGroup
	first.Go(func() { get(t, c) })
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := c.RoundTrip((&http.Request{Host: "a", URL: mustURL("/")}).WithContext(ctx))
		ended <- err
	}()
	until(t, "the second waits", func() bool {
		c.pool.mu.Lock()
		defer c.pool.mu.Unlock()
		return len(c.pool.waiting) == 1
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(hold)
	first.Wait()
}

// TestSweep closes what is idle for longer than the timeout, and stops looking when nothing is left.
func TestSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(Settings{MaxIdle: 10, IdleTimeout: time.Minute})
		var closed atomic.Bool
		c.pool.open = 1
		c.pool.put(&conn{client: c, nc: &noted{closed: &closed}})
		time.Sleep(time.Minute)
		synctest.Wait()
		if closed.Load() {
			t.Error("it was closed before its time")
		}
		time.Sleep(time.Minute / sweeps)
		synctest.Wait()
		if !closed.Load() || c.pool.open != 0 || c.pool.timer != nil {
			t.Errorf("closed %v, %d open, timer %v", closed.Load(), c.pool.open, c.pool.timer)
		}
	})
}

type noted struct {
	net.Conn
	closed *atomic.Bool
}

func (n *noted) Close() error { n.closed.Store(true); return nil }

// TestRefusedRequests are not sent: whoever reads them could take them for something else.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	c := New(Settings{Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("it was to be sent") }})
	for name, change := range map[string]func(*http.Request){
		"line end in a value": func(r *http.Request) { r.Header = http.Header{"X": {"a\r\nY: b"}} },
		"line end in a name":  func(r *http.Request) { r.Header = http.Header{"X\r\nY": {"a"}} },
		"line end in a path":  func(r *http.Request) { r.URL.RawQuery = "a\r\nX: b" },
		"space in the query":  func(r *http.Request) { r.URL.RawQuery = "a HTTP/1.1" },
		"space in a method":   func(r *http.Request) { r.Method = "GET /" },
		"line end in a host":  func(r *http.Request) { r.Host = "a\r\nX: b" },
		"no URL":              func(r *http.Request) { r.URL = nil },
		"CONNECT":             func(r *http.Request) { r.Method = http.MethodConnect },
	} {
		r := &http.Request{Host: "a", URL: mustURL("/")}
		change(r)
		if _, err := c.RoundTrip(r); err == nil || err.Error() == "it was to be sent" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestOwnFraming has a request framed once, whatever its header says about that.
func TestOwnFraming(t *testing.T) {
	t.Parallel()
	head := appendHead(nil, &http.Request{Method: http.MethodPost, Host: "a", URL: mustURL("/x?y"), Header: http.Header{
		"Content-Length": {"5"}, "transfer-encoding": {"chunked"}, "host": {"b"}, "Trailer": {"X"}, "User-Agent": {""},
	}})
	if want := "POST /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"; string(head) != want {
		t.Errorf("head %q", head)
	}
}
