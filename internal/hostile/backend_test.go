package hostile

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// backend is a real server that answers with what it saw.
type backend struct {
	listener net.Listener

	mu      sync.Mutex
	strange []string // requests that nobody sent
}

// seen is what reached the backend.
type seen struct {
	Method, Path, Body         string
	Keep, Half, Smuggled, Back string // headers
	Trailer, HalfTrailer       string
}

// sentPath is where the clients, and the plugins that may, send requests.
var sentPath = regexp.MustCompile(`^/(h\d\d-|neighbour/|call|half$)`)

// hugeBody is what /huge answers with.
const hugeBody = 64 << 20

func newBackend(t *testing.T) *backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{listener: l}
	server := &http.Server{Handler: b}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return b
}

func (b *backend) address() string { return b.listener.Addr().String() }

// ServeHTTP implements http.Handler.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the gateway broke the request off
	}
	s := seen{
		Method: r.Method, Path: r.URL.Path, Body: string(body[:min(len(body), 100)]), Keep: r.Header.Get("X-Keep"), Half: r.Header.Get("X-Half"),
		Smuggled: r.Header.Get("X-Smuggled"), Back: r.Header.Get("X-Through"), Trailer: r.Trailer.Get("X-Trailer"), HalfTrailer: r.Trailer.Get("X-Half"),
	}
	if !sentPath.MatchString(r.URL.Path) || s.Smuggled != "" {
		b.mu.Lock()
		b.strange = append(b.strange, r.Method+" "+r.RequestURI)
		b.mu.Unlock()
	}
	w.Header().Set("X-Backend", "yes")
	if strings.HasSuffix(r.URL.Path, "/huge") {
		_, _ = io.CopyN(w, zeroes{}, hugeBody)
		return
	}
	w.Header().Set("Trailer", "X-Echo")
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(text)
	_ = http.NewResponseController(w).Flush()
	w.Header().Set("X-Echo", s.Trailer)
}

// strangers returns the requests that nobody sent, and forgets them.
func (b *backend) strangers() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.strange
	b.strange = nil
	return list
}

// zeroes is a body without end.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
