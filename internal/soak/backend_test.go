package soak

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// backends are what the gateway's upstreams point to.
type backends struct {
	api     [2]string // one after the other
	streams string
	grpc    string

	mu   sync.Mutex
	seen map[string]int // requests by their id
}

// generationHeader is set by a plugin, to the number of the configuration.
const generationHeader = "X-Generation"

func newBackends(t *testing.T) *backends {
	t.Helper()
	b := &backends{seen: map[string]int{}, grpc: grpcBackend(t)}
	for i := range b.api {
		b.api[i] = serve(t, func(w http.ResponseWriter, r *http.Request) {
			id, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			b.count(string(id))
			fmt.Fprintf(w, "%d %s %s", i, r.Header.Get(generationHeader), id)
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ws", echoSocket)
	mux.HandleFunc("/events", tick)
	b.streams = serve(t, mux.ServeHTTP)
	return b
}

func serve(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.Listener.Addr().String()
}

func (b *backends) count(id string) {
	if id == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[id]++
}

// repeated is the number of requests that came twice.
func (b *backends) repeated() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, times := range b.seen {
		n += times - 1
	}
	return n
}

func echoSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		kind, data, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

// tick sends events with numbers, none left out.
func tick(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := 0; r.Context().Err() == nil; i++ {
		fmt.Fprintf(w, "data: %d\n\n", i)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// grpcBackend is gRPC's own server for its interoperability cases.
func grpcBackend(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(server, interop.NewTestServer())
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return l.Addr().String()
}
