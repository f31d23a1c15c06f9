package datapath

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loom-gateway/loom/internal/rawbackend"
)

// keptRequests is how many requests TestKeptConnectionsClose sends through each engine.
const keptRequests = 10_000

// ledger counts how often each request has reached a backend.
type ledger struct {
	mu   sync.Mutex
	seen map[string]int
}

func (l *ledger) note(id string) {
	l.mu.Lock()
	l.seen[id]++
	l.mu.Unlock()
}

// closing is a backend that closes connections at the worst moment: after a random number of answers, right when the next
// request has come, and whether it has read that or not. The first request of a connection is always answered.
func (l *ledger) closing(closed *atomic.Int64) func(int, *rawbackend.Conn) {
	return func(_ int, conn *rawbackend.Conn) {
		for left := 1 + rand.IntN(8); ; left-- {
			if left == 0 {
				closed.Add(1)
			}
			switch way := rand.IntN(3); {
			case left == 0 && way == 0: // at once: the next request may be on its way
				return
			case left == 0 && way == 1: // when it begins to come, with a reset
				_, _ = conn.Reader.Peek(1)
				conn.Reset()
				return
			}
			req := conn.ReadRequest()
			if req == nil {
				return
			}
			l.note(req.Method + " " + req.Header.Get("X-Id"))
			if left == 0 { // when it is done: what it asked for has happened
				return
			}
			answer := ok + "Content-Length: 2\r\n\r\nok"
			if req.Method == http.MethodHead {
				answer = strings.TrimSuffix(answer, "ok")
			}
			conn.Send(answer)
		}
	}
}

// TestKeptConnectionsClose loses no request whose method is safe, and repeats no POST, while the backends close their
// connections under them all the time.
func TestKeptConnectionsClose(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			l := &ledger{seen: map[string]int{}}
			var closed atomic.Int64
			b := rawbackend.Start(t, l.closing(&closed))
			g := start(t, toBackend+upstream([]string{b.Address}, "transport: {engine: "+engine+"}"))
			lost := sendMany(t, g.client(t, "h1"), keptRequests)
			if n := lost.safe.Load(); n > 0 {
				t.Errorf("%d requests with safe methods were lost", n)
			}
			for id, n := range l.seen {
				if strings.HasPrefix(id, "POST") && n > 1 {
					t.Errorf("%s reached the backend %d times", id, n)
				}
			}
			if closed.Load() < keptRequests/50 {
				t.Errorf("only %d connections were closed: this tests nothing", closed.Load())
			}
			t.Logf("%d requests, %d connections closed by the backend, %d POSTs without an answer", keptRequests, closed.Load(), lost.posts.Load())
		})
	}
}

// lost counts the requests that were not answered with 200.
type lost struct{ safe, posts atomic.Int64 }

// sendMany sends requests of several methods, some at a time.
func sendMany(t *testing.T, c client, n int) *lost {
	t.Helper()
	const workers = 8
	var all sync.WaitGroup
	missing := new(lost)
	for w := range workers {
		all.Go(func() {
			methods := []string{http.MethodGet, http.MethodPost, http.MethodHead, http.MethodGet, http.MethodOptions, http.MethodPost}
			for i := w; i < n; i += workers {
				method, body := methods[i%len(methods)], io.Reader(nil)
				if method == http.MethodPost && i%4 > 1 {
					body = strings.NewReader("once")
				}
				res, err := c.RoundTrip(c.request(t, method, "/", body, "X-Id", fmt.Sprint(i)))
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
				switch {
				case err == nil && res.StatusCode == http.StatusOK:
				case method == http.MethodPost:
					missing.posts.Add(1)
				default:
					missing.safe.Add(1)
				}
			}
		})
	}
	all.Wait()
	return missing
}
