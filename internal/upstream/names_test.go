package upstream_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/loom-gateway/loom/internal/discovery/dnstest"
	"github.com/loom-gateway/loom/internal/upstream"
)

// neighbours are backends on 127.0.0.1, 127.0.0.2 and so on, all on one port. Each answers 200 and the last digit of its address.
func neighbours(t *testing.T, n int) (port string, list []*counted) {
	t.Helper()
	for range 20 {
		if port, list = tryNeighbours(t, n); len(list) == n {
			return port, list
		}
	}
	t.Fatal("no port is free on all addresses")
	return "", nil
}

func tryNeighbours(t *testing.T, n int) (port string, list []*counted) {
	t.Helper()
	port = "0"
	for i := range n {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:%s", i+1, port))
		if err != nil {
			return "", nil
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		c := &counted{}
		c.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c.seen.Add(1)
		}), ConnState: c.count}}
		c.Start()
		t.Cleanup(c.Close)
		list = append(list, c)
	}
	return port, list
}

// named has an upstream look a name up at a server.
func named(s *dnstest.Server, address, resolve string) upstream.Settings {
	return upstream.Settings{
		Endpoints: []upstream.EndpointSettings{{Address: address, Resolve: resolve}},
		DNS:       upstream.DNS{Resolvers: []string{s.Addr}, Interval: 5 * time.Millisecond, Timeout: 5 * time.Second},
	}
}

func a(addresses ...int) (records []string) {
	for _, n := range addresses {
		records = append(records, fmt.Sprintf("api.test. 60 IN A 127.0.0.%d", n))
	}
	return records
}

// addresses of an upstream's endpoints, as their last digits.
func addresses(u *upstream.Upstream) (digits string) {
	for _, e := range u.Endpoints() {
		host, _, _ := net.SplitHostPort(e.Name())
		digits += host[len(host)-1:]
	}
	return digits
}

// Addresses come and go under load, and no request fails. Those that went have no connection left.
func TestAddressesComeAndGo(t *testing.T) {
	t.Parallel()
	for _, engine := range upstream.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			port, backends := neighbours(t, 4)
			s := dnstest.Start(t)
			s.Set(t, a(1)...)
			settings := named(s, "api.test:"+port, "a")
			settings.Engine = engine
			u := newUpstream(t, settings)
			if s.Asked("udp") != 0 {
				t.Error("DNS was asked before the upstream was started")
			}
			u.Start()
			done := loaded(t, u)
			for range 3 {
				for _, set := range [][]int{{1, 2}, {3}, {2, 3, 4}, {1}} {
					s.Set(t, a(set...)...)
					want := strings.NewReplacer("[", "", "]", "", " ", "").Replace(fmt.Sprint(set))
					waitFor(t, "endpoints "+want, func() bool { return addresses(u) == want })
				}
			}
			done()
			for i, b := range backends {
				if b.seen.Load() == 0 {
					t.Errorf("backend %d got no request", i+1)
				}
				if i > 0 {
					waitFor(t, "those that went to have no connection", func() bool { return b.open.Load() == 0 })
				}
			}
		})
	}
}

// loaded sends requests until done is called. None may fail.
func loaded(t *testing.T, u *upstream.Upstream) (done func()) {
	t.Helper()
	var stop atomic.Bool
	ended := make(chan int64)
	for range 4 {
		go func() {
			n := int64(0)
			for ; !stop.Load() && !t.Failed(); n++ {
				if code, err := status(t, u); code != 200 || err != nil {
					t.Errorf("status %d, %v", code, err)
				}
			}
			ended <- n
		}()
	}
	return func() {
		stop.Store(true)
		for range 4 {
			if n := <-ended; n < 10 {
				t.Errorf("only %d requests were sent", n)
			}
		}
	}
}

// The records of the lowest priority share requests by their weights; when those go, the next ones get all.
func TestSRVWeights(t *testing.T) {
	t.Parallel()
	port, backends := neighbours(t, 3)
	s := dnstest.Start(t)
	hosts := []string{"one.test. 60 IN A 127.0.0.1", "two.test. 60 IN A 127.0.0.2", "three.test. 60 IN A 127.0.0.3"}
	third := "_api._tcp.test. 60 IN SRV 20 1 " + port + " three.test."
	s.Set(t, append(hosts, third, "_api._tcp.test. 60 IN SRV 10 30 "+port+" one.test.", "_api._tcp.test. 60 IN SRV 10 10 "+port+" two.test.")...)
	u := newUpstream(t, named(s, "_api._tcp.test", "srv"))
	for range 400 {
		if code, err := status(t, u); code != 200 {
			t.Fatal(code, err)
		}
	}
	if one, two, three := backends[0].seen.Load(), backends[1].seen.Load(), backends[2].seen.Load(); one != 300 || two != 100 || three != 0 {
		t.Errorf("%d, %d and %d requests, want 300, 100 and 0", one, two, three)
	}
	s.Set(t, append(hosts, third)...)
	waitFor(t, "the second priority", func() bool { return addresses(u) == "3" })
	if code, err := status(t, u); code != 200 || backends[2].seen.Load() != 1 {
		t.Error(code, err)
	}
}

// Whatever DNS fails with, the endpoints stay; and people hear of it.
func TestFailedLookupsKeepTheEndpoints(t *testing.T) {
	t.Parallel()
	port, _ := neighbours(t, 2)
	s := dnstest.Start(t)
	s.Set(t, a(1, 2)...)
	settings := named(s, "api.test:"+port, "a")
	settings.DNS.Timeout = 400 * time.Millisecond
	u := newUpstream(t, settings)
	heard := observe(u)
	u.Start()
	waitFor(t, "endpoints", func() bool { return addresses(u) == "12" })
	for name, fault := range map[string]struct {
		begin, end func()
	}{
		"nxdomain": {func() { s.Set(t) }, func() { s.Set(t, a(1, 2)...) }},
		"empty":    {func() { s.Set(t, "api.test. 60 IN TXT x") }, func() { s.Set(t, a(1, 2)...) }},
		"servfail": {func() { s.Fail(dns.RcodeServerFailure) }, func() { s.Fail(dns.RcodeSuccess) }},
		"silence":  {func() { s.Silence(true) }, func() { s.Silence(false) }},
	} {
		before := u.Snapshot().Names[0].Failures
		fault.begin()
		waitFor(t, name+" to be seen", func() bool { return u.Snapshot().Names[0].Failures > before })
		if n := u.Snapshot().Names[0]; addresses(u) != "12" || n.LastError == "" || n.Addresses != 2 {
			t.Errorf("%s: endpoints %s, %+v", name, addresses(u), n)
		}
		if code, err := status(t, u); code != 200 {
			t.Errorf("%s: %d, %v", name, code, err)
		}
		fault.end()
		waitFor(t, "the end of "+name, func() bool { return u.Snapshot().Names[0].LastError == "" })
	}
	for kind, want := range map[upstream.Kind]int{upstream.EndpointsChanged: 1, upstream.LookupFailed: 4, upstream.LookupRecovered: 4} {
		got := 0
		for _, heard := range heard.kinds() {
			if heard == kind {
				got++
			}
		}
		if got < want || kind == upstream.EndpointsChanged && got != want {
			t.Errorf("%d events of the kind %s, want %d", got, kind, want)
		}
	}
}

// The first requests wait for the first lookup, even when nobody has started the upstream; and not longer than they must.
func TestTheFirstRequestsWait(t *testing.T) {
	t.Parallel()
	port, _ := neighbours(t, 1)
	s := dnstest.Start(t)
	s.Set(t, a(1)...)
	s.Silence(true)
	slow := newUpstream(t, named(s, "api.test:"+port, "a"))
	answered := make(chan error, 10)
	for range cap(answered) {
		go func() {
			_, err := status(t, slow)
			answered <- err
		}()
	}
	waitFor(t, "DNS to be asked", func() bool { return s.Asked("udp") > 0 })
	s.Silence(false)
	for range cap(answered) {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}

	s.Silence(true)
	settings := named(s, "api.test:"+port, "a")
	settings.DNS.Timeout = 50 * time.Millisecond
	deaf := newUpstream(t, settings)
	_, err := status(t, deaf)
	if !errors.Is(err, upstream.ErrNoEndpoint) || !strings.Contains(err.Error(), "no address of api.test:"+port+" is known: ") {
		t.Errorf("without an answer: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := statusOf(gone, newUpstream(t, named(s, "api.test:"+port, "a"))); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that left: %v", err)
	}
}

// An upstream whose settings a reload changes begins with what the old one has found, while DNS is down.
func TestANewConfigKnowsTheAddresses(t *testing.T) {
	t.Parallel()
	port, _ := neighbours(t, 2)
	s := dnstest.Start(t)
	s.Set(t, a(1, 2)...)
	memory := new(upstream.Memory)
	settings := named(s, "api.test:"+port, "a")
	settings.Name = "test"
	before, err := memory.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(before.Close)
	if code, err := status(t, before); code != 200 {
		t.Fatal(code, err)
	}
	s.Silence(true)
	settings.LoadBalancer = "least_conn"
	after, err := memory.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(after.Close)
	before.Close()
	if code, err := status(t, after); code != 200 || addresses(after) != "12" {
		t.Errorf("%d, %v with the endpoints %s", code, err, addresses(after))
	}
}

// A name that no config has any more is forgotten, also while the upstream stays.
func TestANameIsForgotten(t *testing.T) {
	t.Parallel()
	port, _ := neighbours(t, 1)
	s := dnstest.Start(t)
	s.Set(t, a(1)...)
	memory := new(upstream.Memory)
	with := func(name string) *upstream.Upstream {
		settings := named(s, name+":"+port, "a")
		settings.Name = "test"
		u, err := memory.New(settings)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(u.Close)
		return u
	}
	known := func(u *upstream.Upstream) int { return u.Snapshot().Names[0].Addresses }
	first := with("api.test")
	if code, err := status(t, first); code != 200 {
		t.Fatal(code, err)
	}
	if again := with("api.test"); known(again) != 1 {
		t.Error("a name of another config is not known")
	} else {
		again.Close()
	}
	with("other.test")
	first.Close()
	if known(with("api.test")) != 0 {
		t.Error("a name of no config is still known")
	}
}

// The name is what the certificate is checked for, and what SNI says; static endpoints stand beside it, and an address counts once.
func TestTheNameStays(t *testing.T) {
	t.Parallel()
	var sni atomic.Value
	backend := protocolServer(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) { // before the client has an answer
			sni.Store(hello.ServerName)
			return nil, nil
		}}
		s.StartTLS()
	})
	ca, _ := pemOf(t, backend)
	_, port, _ := net.SplitHostPort(backend.Listener.Addr().String())
	s := dnstest.Start(t)
	s.Set(t, "example.com. 60 IN A 127.0.0.1", "other.test. 60 IN A 127.0.0.1") // httptest's certificate is for example.com
	for name, ok := range map[string]bool{"example.com": true, "other.test": false} {
		for _, engine := range upstream.Engines() {
			settings := named(s, name+":"+port, "a")
			settings.Protocol, settings.TLS, settings.Engine = upstream.HTTPS, upstream.TLS{CA: ca}, engine
			u := newUpstream(t, settings)
			if code, err := status(t, u); (code == 200) != ok {
				t.Errorf("%s, %s: %d, %v", name, engine, code, err)
			}
			if sni.Load() != name {
				t.Errorf("%s, %s: the backend was asked for %q", name, engine, sni.Load())
			}
		}
	}

	settings := named(s, "example.com:"+port, "a")
	settings.Endpoints = append(settings.Endpoints, endpoints("127.0.0.1:"+port, "127.0.0.9:"+port)...)
	u := newUpstream(t, settings)
	u.Start()
	waitFor(t, "the name", func() bool { return u.Snapshot().Names[0].Addresses == 1 })
	if got := addresses(u); got != "19" {
		t.Errorf("endpoints %s", got)
	}
}

func TestWhenANameIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		failures            int
		interval, ttl, want time.Duration
	}{
		{0, 0, 0, 30 * time.Second}, // the system does not tell
		{0, 0, 20 * time.Second, 20 * time.Second},
		{0, 0, time.Millisecond, time.Second},
		{0, 0, time.Hour, 5 * time.Minute},
		{0, time.Minute, 20 * time.Second, time.Minute}, // asked for
		{1, time.Minute, 0, time.Second},
		{3, time.Minute, 0, 4 * time.Second},
		{99, time.Minute, 0, 30 * time.Second},
	} {
		for range 100 {
			if got := upstream.NextLookup(test.failures, test.interval, test.ttl); got > test.want || got < test.want*9/10 {
				t.Fatalf("%+v: %s", test, got)
			}
		}
	}
}

func TestNamesAreChecked(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	for want, change := range map[string]func(*upstream.Settings){
		`endpoint "api.test:80": resolve "ssrv": did you mean "srv"?`:                              func(s *upstream.Settings) { s.Endpoints[0].Resolve = "ssrv" },
		`endpoint "10.0.0.1:80": resolve needs a name to look up`:                                  func(s *upstream.Settings) { s.Endpoints[0].Address = "10.0.0.1:80" },
		`endpoint "unix//run/x": resolve needs a name to look up`:                                  func(s *upstream.Settings) { s.Endpoints[0].Address = "unix//run/x" },
		`address "api.test": missing port in address (write host:port, [ipv6]:port or unix//path)`: func(s *upstream.Settings) { s.Endpoints[0].Address = "api.test" },
		`endpoint "api.test:80": host "api.test:80": ':' does not belong in a host name (resolve srv takes a name without a port, such as _http._tcp.example.com)`: func(s *upstream.Settings) {
			s.Endpoints[0].Resolve = "srv"
		},
		`endpoint "_a._tcp.test": resolve srv with the protocol https needs tls server_name: an answer of DNS must not say whom to trust`: func(s *upstream.Settings) {
			s.Endpoints[0] = upstream.EndpointSettings{Address: "_a._tcp.test", Resolve: "srv"}
			s.Protocol = upstream.HTTPS
		},
		`dns: resolver "dns.test": write an IP address with or without a port, such as 10.0.0.2:53`: func(s *upstream.Settings) { s.DNS.Resolvers = []string{"dns.test"} },
		`balancing: weight 2000000 of endpoint 0: must be from 1 to 1048576`:                        func(s *upstream.Settings) { s.Endpoints[0].Weight = 2_000_000 },
	} {
		settings := named(s, "api.test:80", "a")
		settings.Name = "test"
		change(&settings)
		if u, err := upstream.New(settings); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
			if err == nil {
				u.Close()
			}
		}
	}
}
