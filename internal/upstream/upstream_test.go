package upstream_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/upstream"
)

func newUpstream(t *testing.T, s upstream.Settings) *upstream.Upstream {
	t.Helper()
	s.Name = "test"
	u, err := upstream.New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

func endpoints(addresses ...string) (list []upstream.EndpointSettings) {
	for _, a := range addresses {
		list = append(list, upstream.EndpointSettings{Address: a})
	}
	return list
}

func request(t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://example.com/path?q=1", body).WithContext(t.Context())
	r.RequestURI = ""
	return r
}

// send is one whole call.
func send(t *testing.T, u *upstream.Upstream) (*http.Response, string) {
	t.Helper()
	call := u.Begin()
	defer call.End()
	res, err := call.RoundTrip(request(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(data)
}

func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificates of a TLS test server, in PEM. It trusts its own as a client's as well.
func pemOf(t *testing.T, s *httptest.Server) (cert, key []byte) {
	t.Helper()
	pair := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func protocolServer(t *testing.T, start func(s *httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto+" "+r.Host+r.URL.String())
	}))
	start(s)
	t.Cleanup(s.Close)
	return s
}

func TestProtocols(t *testing.T) {
	t.Parallel()
	plain := protocolServer(t, func(s *httptest.Server) { s.Start() })
	secure := protocolServer(t, func(s *httptest.Server) { s.StartTLS() })
	secureH2 := protocolServer(t, func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() })
	h2c := protocolServer(t, func(s *httptest.Server) {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	})
	ca, _ := pemOf(t, secure)
	for name, test := range map[string]struct {
		settings upstream.Settings
		server   *httptest.Server
		want     string
	}{
		"http":     {upstream.Settings{}, plain, "HTTP/1.1"},
		"https":    {upstream.Settings{Protocol: upstream.HTTPS, TLS: upstream.TLS{CA: ca}}, secure, "HTTP/1.1"},
		"https h2": {upstream.Settings{Protocol: upstream.HTTPS, TLS: upstream.TLS{CA: ca, ServerName: "example.com"}}, secureH2, "HTTP/2.0"},
		"insecure": {upstream.Settings{Protocol: upstream.HTTPS, TLS: upstream.TLS{InsecureSkipVerify: true}}, secureH2, "HTTP/2.0"},
		"h2c":      {upstream.Settings{Protocol: upstream.H2C}, h2c, "HTTP/2.0"},
		"grpc":     {upstream.Settings{Protocol: upstream.GRPC}, h2c, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.settings.Endpoints = endpoints(test.server.Listener.Addr().String())
			if _, got := send(t, newUpstream(t, test.settings)); got != test.want+" example.com/path?q=1" {
				t.Errorf("the backend saw %s, want %s", got, test.want)
			}
		})
	}
}

func TestTLSIsChecked(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	cert, key := pemOf(t, s)
	for name, test := range map[string]struct {
		settings upstream.TLS
		ok       bool
	}{
		"mutual":            {upstream.TLS{CA: cert, Cert: cert, Key: key}, true},
		"no client cert":    {upstream.TLS{CA: cert}, false},
		"unknown authority": {upstream.TLS{Cert: cert, Key: key}, false},
		"another name":      {upstream.TLS{CA: cert, Cert: cert, Key: key, ServerName: "other.test"}, false},
	} {
		u := newUpstream(t, upstream.Settings{Endpoints: endpoints(s.Listener.Addr().String()), Protocol: upstream.HTTPS, TLS: test.settings})
		call := u.Begin()
		res, err := call.RoundTrip(request(t, nil))
		if (err == nil) != test.ok {
			t.Errorf("%s: error %v", name, err)
		}
		if err == nil {
			res.Body.Close()
		}
		call.End()
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	t.Cleanup(s.Close)
	alive := s.Listener.Addr().String()
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(refusing(t), refusing(t), alive)})
	for range 9 {
		send(t, u)
	}
	snapshot := u.Snapshot()
	if e := snapshot.Endpoints[2]; e.Requests != 9 || e.DialErrors != 0 {
		t.Errorf("the one that lives: %+v", e)
	}
	for _, e := range snapshot.Endpoints[:2] {
		if e.DialErrors != e.Requests || e.DialErrors < 3 || e.InFlight != 0 {
			t.Errorf("one that refuses: %+v", e)
		}
	}
	if snapshot.InFlight != 0 {
		t.Errorf("%d calls are in flight after the last ended", snapshot.InFlight)
	}
}

func TestAllRefuse(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(refusing(t), refusing(t))})
	call := u.Begin()
	defer call.End()
	_, err := call.RoundTrip(request(t, nil))
	if !upstream.IsDialError(err) || !strings.Contains(err.Error(), `upstream "test": none of 2 endpoints could be reached`) {
		t.Errorf("error = %v", err)
	}
}

// TestNoSecondTryAfterBytes has a request that was sent never sent again.
func TestNoSecondTryAfterBytes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := 0
	breaks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.ReadAll(r.Body)
		mu.Lock()
		seen++
		mu.Unlock()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(breaks.Close)
	again := httptest.NewServer(breaks.Config.Handler)
	t.Cleanup(again.Close)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(breaks.Listener.Addr().String(), again.Listener.Addr().String())})
	call := u.Begin()
	defer call.End()
	if _, err := call.RoundTrip(request(t, strings.NewReader("order one book"))); err == nil {
		t.Error("no error")
	}
	mu.Lock()
	defer mu.Unlock()
	if seen != 1 {
		t.Errorf("the order arrived %d times", seen)
	}
}

func TestDialTimeout(t *testing.T) {
	t.Parallel()
	// 192.0.2.0/24 is for documentation: packets to it are lost, or refused at once where no route leads there.
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints("192.0.2.1:9"), Pool: upstream.Pool{DialTimeout: 50 * time.Millisecond}})
	call := u.Begin()
	defer call.End()
	begun := time.Now()
	_, err := call.RoundTrip(request(t, nil))
	if !upstream.IsDialError(err) || time.Since(begun) > 5*time.Second {
		t.Errorf("error %v after %s", err, time.Since(begun))
	}
}

func TestCancelEndsTheCall(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(hang) })
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(s.Listener.Addr().String(), refusing(t))})
	ctx, cancel := context.WithCancel(t.Context())
	call := u.Begin()
	defer call.End()
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := call.RoundTrip(request(t, nil).WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}

// TestMaxPerEndpoint has requests wait for the only connection.
func TestMaxPerEndpoint(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	connections := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			connections++
			mu.Unlock()
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(s.Listener.Addr().String()), Pool: upstream.Pool{MaxPerEndpoint: 1}})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { send(t, u) })
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	if connections != 1 {
		t.Errorf("%d connections, want 1", connections)
	}
}

// TestCloseDrains lets calls end after Close, and begin too; connections go with the last.
func TestCloseDrains(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(s.Listener.Addr().String())})
	held := u.Begin()
	u.Close()
	send(t, u) // a call that begins after Close is served, and leaves its connection to the one that is held
	send(t, u)
	select {
	case <-closed:
		t.Error("a connection was closed while a call was in flight")
	default:
	}
	held.End()
	held.End() // ends once
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the connection is open though the last call has ended")
	}
	if n := u.Snapshot().InFlight; n != 0 {
		t.Errorf("%d calls in flight", n)
	}
}

// TestHammer has calls begin and end from all sides while the upstream closes.
func TestHammer(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	t.Cleanup(s.Close)
	u := newUpstream(t, upstream.Settings{Endpoints: endpoints(s.Listener.Addr().String(), refusing(t))})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 50 {
				send(t, u)
				u.Snapshot()
			}
			if i == 0 {
				u.Close()
			}
		})
	}
	all.Wait()
	snapshot := u.Snapshot()
	if snapshot.InFlight != 0 || snapshot.Endpoints[0].InFlight != 0 || snapshot.Endpoints[0].Requests != 400 {
		t.Errorf("afterwards: %+v", snapshot)
	}
}

func TestKeyCoversEverySetting(t *testing.T) {
	t.Parallel()
	base := upstream.Settings{Name: "a", Endpoints: endpoints("b:1")}
	same := base
	same.Protocol, same.LoadBalancer, same.Pool.IdleTimeout = upstream.HTTP, "round_robin", upstream.DefaultIdleTimeout
	if base.Key() != same.Key() {
		t.Error("the defaults, written out, make another key")
	}
	for name, change := range map[string]func(s *upstream.Settings){
		"name":     func(s *upstream.Settings) { s.Name = "b" },
		"endpoint": func(s *upstream.Settings) { s.Endpoints = endpoints("b:2") },
		"weight":   func(s *upstream.Settings) { s.Endpoints = []upstream.EndpointSettings{{Address: "b:1", Weight: 2}} },
		"protocol": func(s *upstream.Settings) { s.Protocol = upstream.H2C },
		"ca":       func(s *upstream.Settings) { s.TLS.CA = []byte("x") },
		"key":      func(s *upstream.Settings) { s.TLS.Key = []byte("x") },
		"insecure": func(s *upstream.Settings) { s.TLS.InsecureSkipVerify = true },
		"pool":     func(s *upstream.Settings) { s.Pool.MaxPerEndpoint = 1 },
	} {
		changed := base
		change(&changed)
		if changed.Key() == base.Key() {
			t.Errorf("another %s makes no other key", name)
		}
	}
}
