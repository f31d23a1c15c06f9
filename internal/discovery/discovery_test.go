package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/loom-gateway/loom/internal/discovery"
	"github.com/loom-gateway/loom/internal/discovery/dnstest"
	"github.com/loom-gateway/loom/internal/leaktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }

func resolver(t *testing.T, addresses ...string) discovery.Resolver {
	t.Helper()
	r, err := discovery.Servers(addresses)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func lookUp(t *testing.T, r discovery.Resolver, q discovery.Query) (string, discovery.Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answer, err := r.Resolve(ctx, q)
	var text []string
	for _, target := range answer.Targets {
		text = append(text, fmt.Sprintf("%s %s %d", target.Address, target.Host, target.Weight))
	}
	return strings.Join(text, ", "), answer, err
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	a := func(name string) discovery.Query {
		return discovery.Query{Type: discovery.Addresses, Name: name, Port: 80}
	}
	srv := func(name string) discovery.Query { return discovery.Query{Type: discovery.Services, Name: name} }
	s := dnstest.Start(t)
	s.Set(t,
		"both.test. 60 IN A 10.0.0.2", "both.test. 60 IN A 10.0.0.1", "both.test. 30 IN AAAA fd00::1", "both.test. 60 IN A 10.0.0.2",
		"alias.test. 5 IN CNAME both.test.",
		"mail.test. 60 IN MX 1 both.test.",
		"one.test. 60 IN A 10.0.1.1", "two.test. 20 IN A 10.0.1.2", "two.test. 20 IN A 10.0.1.3", "zero.test. 0 IN A 10.0.1.4",
		"_http._tcp.test. 60 IN SRV 10 30 8080 one.test.", "_http._tcp.test. 60 IN SRV 10 60 8081 two.test.",
		"_http._tcp.test. 60 IN SRV 10 0 8082 zero.test.", "_http._tcp.test. 60 IN SRV 20 90 8083 both.test.",
		"_wide._tcp.test. 60 IN SRV 1 65535 80 one.test.", "_wide._tcp.test. 60 IN SRV 1 1 80 two.test.",
		"_gone._tcp.test. 60 IN SRV 1 1 80 nobody.test.", "_gone._tcp.test. 60 IN SRV 1 1 80 one.test.",
		"_none._tcp.test. 60 IN SRV 0 0 0 .",
	)
	for name, test := range map[string]struct {
		query discovery.Query
		want  string
		ttl   time.Duration
		err   error
	}{
		"both families":         {a("both.test"), "10.0.0.1:80 both.test 1, 10.0.0.2:80 both.test 1, [fd00::1]:80 both.test 1", 30 * time.Second, nil},
		"alias":                 {a("alias.test."), "10.0.0.1:80 alias.test. 1, 10.0.0.2:80 alias.test. 1, [fd00::1]:80 alias.test. 1", 5 * time.Second, nil},
		"no such name":          {a("absent.test"), "", 0, discovery.ErrNone},
		"no address":            {a("mail.test"), "", 0, discovery.ErrNone},
		"lowest priority":       {srv("_http._tcp.test"), "10.0.1.1:8080 one.test 60, 10.0.1.2:8081 two.test 60, 10.0.1.3:8081 two.test 60, 10.0.1.4:8082 zero.test 1", time.Millisecond, nil},
		"weights far apart":     {srv("_wide._tcp.test"), "10.0.1.1:80 one.test 60, 10.0.1.2:80 two.test 1, 10.0.1.3:80 two.test 1", 20 * time.Second, nil},
		"a host without":        {srv("_gone._tcp.test"), "10.0.1.1:80 one.test 1", 60 * time.Second, nil},
		"no service, it says":   {srv("_none._tcp.test"), "", 0, discovery.ErrNone},
		"no service of a name":  {srv("both.test"), "", 0, discovery.ErrNone},
		"no name for a service": {srv("_x._tcp.test"), "", 0, discovery.ErrNone},
	} {
		got, answer, err := lookUp(t, resolver(t, s.Addr), test.query)
		if got != test.want || answer.TTL != test.ttl && err == nil || !errors.Is(err, test.err) {
			t.Errorf("%s: %s for %s, %v\nwant %s for %s, %v", name, got, answer.TTL, err, test.want, test.ttl, test.err)
		}
	}
	if s.Asked("tcp") != 0 {
		t.Error("short answers came over TCP")
	}
}

// What does not fit a datagram comes over TCP, up to what an upstream can have.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	var records []string
	for i := range discovery.MaxTargets {
		records = append(records, fmt.Sprintf("many.test. 60 IN A 10.0.%d.%d", i/250, i%250))
	}
	q := discovery.Query{Type: discovery.Addresses, Name: "many.test", Port: 80}
	s.Set(t, records...)
	if _, answer, err := lookUp(t, resolver(t, s.Addr), q); len(answer.Targets) != discovery.MaxTargets || err != nil {
		t.Errorf("%d targets, %v", len(answer.Targets), err)
	}
	if s.Asked("tcp") == 0 {
		t.Error("nothing came over TCP")
	}
	s.Set(t, append(records, "many.test. 60 IN A 10.1.0.0")...)
	if _, answer, err := lookUp(t, resolver(t, s.Addr), q); len(answer.Targets) != 0 || !errors.Is(err, discovery.ErrMany) {
		t.Errorf("%d targets, %v", len(answer.Targets), err)
	}
}

// The next server is asked when one does not answer, or says that it cannot.
func TestServersThatFail(t *testing.T) {
	t.Parallel()
	silent, failing, good := dnstest.Start(t), dnstest.Start(t), dnstest.Start(t)
	silent.Silence(true)
	failing.Fail(dns.RcodeServerFailure)
	good.Set(t, "api.test. 60 IN A 10.0.0.1")
	q := discovery.Query{Type: discovery.Addresses, Name: "api.test", Port: 80}
	if got, _, err := lookUp(t, resolver(t, silent.Addr, failing.Addr, good.Addr), q); got != "10.0.0.1:80 api.test 1" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	_, _, err := lookUp(t, resolver(t, failing.Addr), q)
	if want := "asking " + failing.Addr + " for A of api.test: it answered SERVFAIL"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if answer, err := resolver(t, silent.Addr).Resolve(ctx, q); err == nil || errors.Is(err, discovery.ErrNone) {
		t.Errorf("of a silent server: %v, %v", answer, err)
	}
}

// The system's resolver knows /etc/hosts.
func TestTheSystem(t *testing.T) {
	t.Parallel()
	_, answer, err := lookUp(t, discovery.System(), discovery.Query{Type: discovery.Addresses, Name: "localhost", Port: 80})
	loopback := slices.ContainsFunc(answer.Targets, func(t discovery.Target) bool { return t.Address.Addr().IsLoopback() && t.Address.Port() == 80 })
	if !loopback || answer.TTL != 0 || err != nil {
		t.Errorf("localhost is %v, %v", answer, err)
	}
}

func TestResolversAreChecked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "dns.test:53", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:99999"} {
		if _, err := discovery.Servers([]string{address}); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
	for _, address := range []string{"10.0.0.2", "10.0.0.2:5353", "fd00::1", "[fd00::1]:53"} {
		resolver(t, address)
	}
}
