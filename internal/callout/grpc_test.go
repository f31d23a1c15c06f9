package callout

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }

const patience = 20 * time.Second

// newCaller makes a started caller that knows the upstreams.
func newCaller(t *testing.T, settings ...upstream.Settings) *Caller {
	t.Helper()
	known := map[string]*upstream.Upstream{}
	for _, s := range settings {
		u, err := upstream.New(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(u.Close)
		known[s.Name] = u
	}
	c := &Caller{}
	c.SetLookup(func(name string) (*upstream.Upstream, error) {
		if u := known[name]; u != nil {
			return u, nil
		}
		return nil, errors.New("no such upstream")
	})
	c.Start()
	t.Cleanup(c.Close)
	return c
}

// h2c runs a server of HTTP/2 without TLS.
func h2c(t *testing.T, handle http.HandlerFunc) upstream.Settings {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return grpcAt(strings.TrimPrefix(s.URL, "http://"))
}

func grpcAt(addresses ...string) upstream.Settings {
	s := upstream.Settings{Name: "backend", Protocol: upstream.GRPC}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, upstream.EndpointSettings{Address: a})
	}
	return s
}

func call(t *testing.T, c *Caller, timeout time.Duration) proxywasm.GRPCResult {
	t.Helper()
	results := make(chan proxywasm.GRPCResult, 2)
	_, err := c.CallGRPC(proxywasm.GRPCCall{Upstream: "backend", Service: "s", Method: "m", Message: []byte("x"), Timeout: timeout},
		func(r proxywasm.GRPCResult) { results <- r })
	if err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-results:
		return r
	case <-time.After(patience):
		t.Fatal("no answer")
	}
	return proxywasm.GRPCResult{}
}

// grpcAnswer answers with a status in the trailers.
func grpcAnswer(w http.ResponseWriter, body, status, message string) {
	w.Header().Set("Content-Type", "application/grpc")
	_, _ = io.WriteString(w, body)
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
	w.Header().Set(http.TrailerPrefix+"Grpc-Message", message)
}

const frame = "\x00\x00\x00\x00\x02ok"

func TestUnaryOutcomes(t *testing.T) {
	for name, tc := range map[string]struct {
		handle http.HandlerFunc
		code   codes.Code
		text   string
	}{
		"success":      {func(w http.ResponseWriter, _ *http.Request) { grpcAnswer(w, frame, "0", "") }, codes.OK, ""},
		"status":       {func(w http.ResponseWriter, _ *http.Request) { grpcAnswer(w, "", "5", "no%20such%0athing") }, codes.NotFound, "no such\nthing"},
		"bad escapes":  {func(w http.ResponseWriter, _ *http.Request) { grpcAnswer(w, "", "5", "100%") }, codes.NotFound, "100%"},
		"no message":   {func(w http.ResponseWriter, _ *http.Request) { grpcAnswer(w, "", "0", "") }, codes.Internal, "0 messages"},
		"two messages": {func(w http.ResponseWriter, _ *http.Request) { grpcAnswer(w, frame+frame, "0", "") }, codes.Internal, "2 messages"},
		"odd status":   {func(w http.ResponseWriter, _ *http.Request) { grpcAnswer(w, frame, "x", "") }, codes.Unknown, "not a number"},
		"no status": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			_, _ = io.WriteString(w, frame)
		}, codes.Unknown, "without a grpc-status"},
		"headers only": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "8")
			w.Header().Set("Grpc-Message", "slow down")
		}, codes.ResourceExhausted, "slow down"},
		"headers only with an HTTP error": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Grpc-Status", "16")
			w.WriteHeader(http.StatusForbidden)
		}, codes.Unauthenticated, ""},
		"HTTP 404":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, codes.Unimplemented, "404"},
		"HTTP 401":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, codes.Unauthenticated, "401"},
		"HTTP 503":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, codes.Unavailable, "503"},
		"HTTP 418":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }, codes.Unknown, "418"},
		"a website": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, codes.Unknown, "text/html"},
		"cut within a message": {func(w http.ResponseWriter, _ *http.Request) {
			grpcAnswer(w, "\x00\x00\x00\x00\x09ok", "0", "")
		}, codes.Internal, "within a message"},
		"cut within a header": {func(w http.ResponseWriter, _ *http.Request) { grpcAnswer(w, "\x00\x00", "0", "") }, codes.Internal, "within the header"},
		"flags":               {func(w http.ResponseWriter, _ *http.Request) { grpcAnswer(w, "\x80\x00\x00\x00\x02ok", "0", "") }, codes.Internal, "flags"},
		"reset": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, codes.Internal, "reset"},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, newCaller(t, h2c(t, tc.handle)), 0)
			if codes.Code(r.Code) != tc.code || !strings.Contains(r.Text, tc.text) {
				t.Errorf("%s %q, want %s %q", codes.Code(r.Code), r.Text, tc.code, tc.text)
			}
			if r.Code == 0 && string(r.Message) != "ok" {
				t.Errorf("message %q", r.Message)
			}
		})
	}
}

func TestUnaryDeadline(t *testing.T) {
	release := make(chan struct{})
	c := newCaller(t, h2c(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	defer close(release)
	if r := call(t, c, 50*time.Millisecond); codes.Code(r.Code) != codes.DeadlineExceeded {
		t.Errorf("%s %q", codes.Code(r.Code), r.Text)
	}
}

// The first endpoint cannot be reached; the message is sent to the second.
func TestUnaryFailover(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	_ = l.Close()
	living := h2c(t, func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		grpcAnswer(w, string(data), "0", "")
	}).Endpoints[0].Address
	c := newCaller(t, grpcAt(dead, living))
	for range 2 {
		if r := call(t, c, 0); r.Code != 0 || string(r.Message) != "x" {
			t.Errorf("%s %q", codes.Code(r.Code), r.Text)
		}
	}
	if r := call(t, newCaller(t, grpcAt(dead)), 0); codes.Code(r.Code) != codes.Unavailable {
		t.Errorf("nobody there: %s %q", codes.Code(r.Code), r.Text)
	}
}

// recorder writes down what a stream hears.
type recorder struct {
	mu     sync.Mutex
	events []string
	closed chan struct{}
}

func newRecorder() *recorder { return &recorder{closed: make(chan struct{})} }

func (r *recorder) add(event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

func (r *recorder) InitialMetadata(p []abi.Pair)  { r.add(fmt.Sprintf("initial %t", len(p) > 0)) }
func (r *recorder) Message(m []byte)              { r.add("message " + string(m)) }
func (r *recorder) TrailingMetadata(p []abi.Pair) { r.add(fmt.Sprintf("trailing %t", len(p) > 0)) }
func (r *recorder) Closed(code uint32, text string) {
	r.add(fmt.Sprintf("closed %d %s", code, text))
	close(r.closed)
}

func (r *recorder) want(t *testing.T, want string) {
	t.Helper()
	select {
	case <-r.closed:
	case <-time.After(patience):
		t.Error("the stream does not close")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := strings.Join(r.events, ", "); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

func open(t *testing.T, c *Caller, h proxywasm.GRPCHandler) proxywasm.GRPCStream {
	t.Helper()
	s, err := c.StreamGRPC(proxywasm.GRPCCall{Upstream: "backend", Service: "s", Method: "m"}, h)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStreamHeadersOnly(t *testing.T) {
	c := newCaller(t, h2c(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Grpc-Status", "5")
	}))
	r := newRecorder()
	open(t, c, r)
	r.want(t, "initial false, trailing true, closed 5 ")
}

// A server that ends the stream ends it, whether the plugin has closed its side or not.
func TestStreamThatTheServerEnds(t *testing.T) {
	c := newCaller(t, h2c(t, func(w http.ResponseWriter, r *http.Request) {
		var header [6]byte
		if _, err := io.ReadFull(r.Body, header[:]); err != nil {
			t.Error(err)
		}
		grpcAnswer(w, "\x00\x00\x00\x00\x01"+string(header[5:]), "0", "")
	}))
	r := newRecorder()
	s := open(t, c, r)
	if err := s.Send([]byte("a")); err != nil {
		t.Fatal(err)
	}
	r.want(t, "initial true, message a, trailing true, closed 0 ")
	if err := s.Send([]byte("b")); err != nil {
		t.Errorf("a message after the end: %v", err)
	}
}

// What the server does not take is bounded.
func TestStreamThatNobodyReads(t *testing.T) {
	c := newCaller(t, h2c(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	s := open(t, c, newRecorder())
	block, err := make([]byte, 1<<20), error(nil)
	for i := 0; err == nil; i++ {
		if i == 100 {
			t.Fatal("100 MiB were taken")
		}
		err = s.Send(block)
	}
	if !errors.Is(err, proxywasm.ErrTooMany) {
		t.Error(err)
	}
	s.Cancel()
}
