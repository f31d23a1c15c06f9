package portability

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// backend is a real server, HTTP/1.1 and HTTP/2 on one port, that answers as the scenario says and keeps what it saw.
type backend struct {
	listener net.Listener

	mu       sync.Mutex
	scenario *scenario
	seen     []seenRequest
	wait     func(expr string, times int) // for lines of the guests' log
	over     chan struct{}                // closed when the scenario is
	arrived  chan struct{}                // closed at the next request
}

type seenRequest struct {
	path  string
	lines []string
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{listener: l, scenario: &scenario{}, over: make(chan struct{}), arrived: make(chan struct{})}
	server := &http.Server{Handler: b, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return b
}

func (b *backend) address() string { return b.listener.Addr().String() }

// begin makes the backend answer as a scenario says, and forget what it saw.
func (b *backend) begin(s *scenario, wait func(string, int)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.over)
	b.scenario, b.seen, b.wait, b.over = s, nil, wait, make(chan struct{})
}

// saw is what arrived since begin, by path: callouts and the request itself may cross.
func (b *backend) saw() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.SortStableFunc(b.seen, func(a, b seenRequest) int { return strings.Compare(a.path, b.path) })
	var lines []string
	for _, r := range b.seen {
		lines = append(lines, r.lines...)
	}
	return lines
}

// await waits for a request with a path.
func (b *backend) await(path string) bool {
	late := time.After(patience)
	for {
		b.mu.Lock()
		there, arrived := slices.ContainsFunc(b.seen, func(r seenRequest) bool { return r.path == path }), b.arrived
		b.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-arrived:
		case <-late:
			return false
		}
	}
}

// ServeHTTP implements http.Handler.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	s, wait, over := b.scenario, b.wait, b.over
	b.mu.Unlock()
	a, ok := s.Answers[r.URL.Path]
	if !ok {
		a = s.Answers["*"]
	}
	b.keep(s, r)
	switch {
	case a.Hang:
		select {
		case <-r.Context().Done():
		case <-over:
		}
		panic(http.ErrAbortHandler)
	case a.Reset:
		panic(http.ErrAbortHandler)
	}
	if a.After != "" {
		wait(a.After, max(a.Times, 1))
	}
	a.write(w, wait)
}

// keep reads the request and writes down what it was. How much arrives of a request that the gateway breaks off is a
// matter of luck, so nothing is kept of it.
func (b *backend) keep(s *scenario, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	lines := []string{fmt.Sprintf("%s %s host=%s", r.Method, r.RequestURI, r.Host)}
	lines = append(lines, messageLines(r.Header, body, r.Trailer)...)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.scenario == s {
		b.seen = append(b.seen, seenRequest{r.URL.Path, lines})
		close(b.arrived)
		b.arrived = make(chan struct{})
	}
}

func (a answer) write(w http.ResponseWriter, wait func(string, int)) {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain"}
	h["Date"] = []string{"Sun, 01 Feb 2026 10:00:00 GMT"}
	for _, p := range a.Headers {
		name := http.CanonicalHeaderKey(p[0])
		if name == "Content-Type" {
			h.Del(name)
		}
		h[name] = append(h[name], p[1])
	}
	body := a.Body
	switch {
	case a.Size > 0:
		body = []string{strings.Repeat("x", a.Size)}
	case body == nil && a.Status != http.StatusNoContent && a.Status != http.StatusNotModified:
		body = []string{"hello"}
	}
	if len(body) <= 1 && len(a.Trailers) == 0 {
		h["Content-Length"] = []string{fmt.Sprint(len(strings.Join(body, "")))}
	}
	for _, p := range a.Trailers {
		h.Add("Trailer", p[0])
	}
	w.WriteHeader(max(a.Status, 200))
	for i, piece := range body {
		_, _ = io.WriteString(w, piece)
		if i < len(body)-1 || len(a.Trailers) > 0 || a.Paced {
			_ = http.NewResponseController(w).Flush()
		}
		if a.Paced {
			wait("> response_body ", i+1)
		}
	}
	for _, p := range a.Trailers {
		h.Add(p[0], p[1])
	}
}
