package plugin

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/shared"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }

// noExchange is an exchange with nothing in it.
type noExchange struct{}

func (noExchange) Enter(abi.Callback)                              {}
func (noExchange) Leave(abi.StreamType)                            {}
func (noExchange) Headers(abi.MapType) (proxywasm.HeaderMap, bool) { return nil, false }
func (noExchange) Body(abi.BufferType) *proxywasm.Body             { return nil }
func (noExchange) Property(abi.PropertyPath, []byte) ([]byte, abi.Status) {
	return nil, abi.StatusNotFound
}
func (noExchange) SetProperty(abi.PropertyPath, []byte) abi.Status { return abi.StatusOK }

func probeSpec(t *testing.T, script string) Spec {
	t.Helper()
	code, err := os.ReadFile("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Name: "probe", Code: code, Config: script, Instances: 2}
}

func open(t *testing.T, s Spec) (*Plugin, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	p, err := Open(context.Background(), s, Deps{Shared: shared.NewStore(), Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	return p, logs
}

func mustContext(t *testing.T, p *Plugin, config string) *Context {
	t.Helper()
	c, err := p.Context(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestRouteConfigurationIsAnotherContext(t *testing.T) {
	p, logs := open(t, probeSpec(t, "request_headers: log 2 default"))
	own, route := mustContext(t, p, "request_headers: log 2 default"), mustContext(t, p, "request_headers: log 2 route")
	for _, c := range []*Context{own, route} {
		s, err := c.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		s.RequestHeaders(0, true)
		s.Finish()
	}
	if logs.FilterMessage("default").Len() != 1 || logs.FilterMessage("route").Len() != 1 {
		t.Errorf("logs %v", logs.All())
	}
	if n := len(p.Snapshot().Instances); n != 2 {
		t.Errorf("%d instances for two configurations, want the pool's 2", n)
	}
	own.Release()
	route.Release()
	if n := p.Snapshot().Contexts; n != 1 {
		t.Errorf("%d contexts after the release, want the plugin's own", n)
	}
	p.Close()
}

func TestRefusedConfigurationSaysSo(t *testing.T) {
	_, err := Open(context.Background(), probeSpec(t, "configure: return 0"), Deps{Shared: shared.NewStore()})
	if !errors.Is(err, proxywasm.ErrRefused) {
		t.Errorf("error %v", err)
	}
	p, _ := open(t, probeSpec(t, ""))
	defer p.Close()
	if _, err := p.Context(context.Background(), "configure: return 0"); !errors.Is(err, proxywasm.ErrRefused) {
		t.Errorf("error %v", err)
	}
	if n := p.Snapshot().Contexts; n != 1 {
		t.Errorf("%d contexts, want 1: the refused one must leave nothing behind", n)
	}
}

func TestWrongDigest(t *testing.T) {
	s := probeSpec(t, "")
	s.SHA256 = strings.Repeat("0", 64)
	if _, err := Open(context.Background(), s, Deps{Shared: shared.NewStore()}); err == nil || !strings.Contains(err.Error(), "sha256") {
		t.Errorf("error %v", err)
	}
}

func TestADeadInstanceIsReplaced(t *testing.T) {
	p, logs := open(t, probeSpec(t, "request_headers#1: trap"))
	defer p.Close()
	c := mustContext(t, p, "request_headers#1: trap")
	defer c.Release()
	s, err := c.NewStream(noExchange{})
	if err != nil {
		t.Fatal(err)
	}
	if v := s.RequestHeaders(0, true); v.Err == nil {
		t.Fatal("no trap")
	}
	s.Finish()
	if s, err := c.NewStream(noExchange{}); err != nil {
		t.Errorf("the other instance did not take over: %v", err)
	} else {
		s.Finish()
	}
	eventually(t, "a replacement", func() bool {
		snapshot := p.Snapshot()
		return snapshot.Traps == 1 && snapshot.Instances[0].Failure == "" && snapshot.Instances[1].Failure == ""
	})
	if logs.FilterMessage("plugin instance failed").Len() != 1 {
		t.Error("the failure was not logged")
	}
}

// Envoy's FAIL_CLOSED does not replace an instance; without the profile a fresh one comes with every policy.
func TestPolicyClosed(t *testing.T) {
	for _, tc := range []struct {
		name     string
		profile  proxywasm.Profile
		replaced bool
	}{{"closed-probe", proxywasm.ProfileLoom, true}, {"closed-envoy-probe", proxywasm.ProfileEnvoy, false}} {
		spec := probeSpec(t, "request_headers#1: trap")
		spec.Name, spec.FailurePolicy, spec.Instances, spec.Profile = tc.name, PolicyClosed, 1, tc.profile
		p, _ := open(t, spec)
		c := mustContext(t, p, spec.Config)
		s, err := c.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		s.RequestHeaders(0, true)
		s.Finish()
		if _, err := c.NewStream(noExchange{}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: error %v", tc.name, err)
		}
		eventually(t, "the failure is counted", func() bool { return p.Stats().Traps == 1 })
		if tc.replaced {
			eventually(t, "a replacement", func() bool { return p.Stats().Instances == 1 })
		} else if p.jobs.Wait(); p.Stats().Instances != 0 { // no replacement is under way
			t.Errorf("%s: the instance is replaced", tc.name)
		}
		c.Release()
		p.Close()
	}
}

// A closed plugin goes on until its last stream has finished: requests outlive a config.
func TestCloseDrains(t *testing.T) {
	p, logs := open(t, probeSpec(t, "response_headers: log 2 late"))
	c := mustContext(t, p, "response_headers: log 2 late")
	s, err := c.NewStream(noExchange{})
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	p.Close()
	if v := s.ResponseHeaders(0, true); v.Err != nil {
		t.Errorf("the stream was cut: %v", v.Err)
	}
	s.Finish()
	if logs.FilterMessage("late").Len() != 1 {
		t.Error("the callback did not run")
	}
	if _, err := c.NewStream(noExchange{}); err == nil {
		t.Error("a freed plugin took a stream")
	}
}

func TestKeyCoversEverySetting(t *testing.T) {
	base := Spec{Name: "a", Code: []byte("x")}
	changed := []Spec{
		{Name: "b", Code: []byte("x")},
		{Name: "a", Code: []byte("y")},
		{Name: "a", Code: []byte("x"), Config: "c"},
		{Name: "a", Code: []byte("x"), VMID: "v"},
		{Name: "a", Code: []byte("x"), AllowOnHeadersStopIteration: true},
		{Name: "a", Code: []byte("x"), Limits: proxywasm.Limits{MemoryPages: 1}},
		{Name: "a", Code: []byte("x"), Env: map[string]string{"a": "b"}},
	}
	for _, s := range changed {
		if s.Key() == base.Key() {
			t.Errorf("%+v has the key of %+v", s, base)
		}
	}
	if base.Key() != (Spec{Name: "a", Code: []byte("x")}).Key() {
		t.Error("the same spec has two keys")
	}
}

func TestHammer(t *testing.T) {
	p, _ := open(t, probeSpec(t, "request_headers#1: setdata k v 0; getdata k"))
	own := mustContext(t, p, p.spec.Config)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				c := own
				if i%2 == 0 {
					var err error
					if c, err = p.Context(context.Background(), "request_headers: level"); err != nil {
						t.Error(err)
						return
					}
				}
				s, err := c.NewStream(noExchange{})
				if err != nil {
					t.Error(err)
					return
				}
				s.RequestHeaders(0, true)
				s.Finish()
				if c != own {
					c.Release()
				}
			}
		})
	}
	wg.Wait()
	own.Release()
	p.Close()
}

// A bad configuration must be refused also while no instance is alive to say so.
func TestRefusedWhileAllInstancesAreDead(t *testing.T) {
	spec := probeSpec(t, "request_headers: trap")
	spec.Instances = 1
	p, _ := open(t, spec)
	defer p.Close()
	c := mustContext(t, p, spec.Config)
	defer c.Release()
	s, err := c.NewStream(noExchange{})
	if err != nil {
		t.Fatal(err)
	}
	s.RequestHeaders(0, true)
	s.Finish()
	if _, err := p.Context(context.Background(), "configure: return 0"); !errors.Is(err, proxywasm.ErrRefused) {
		t.Errorf("error %v", err)
	}
	eventually(t, "the plugin back for the configuration that is fine", func() bool {
		s, err := c.NewStream(noExchange{})
		if err == nil {
			s.Finish()
		}
		return err == nil
	})
}

// A context that the guest has refused hears nothing of what it asked for while it was configured.
func TestRefusedContextIsTakenBack(t *testing.T) {
	const good = "configure: queue q\nrequest_headers: queue other; resolve vm q; enqueue $id x"
	spec := probeSpec(t, good)
	spec.Instances, spec.VMID = 1, "vm"
	p, logs := open(t, spec)
	defer p.Close()
	p.Start()
	c := mustContext(t, p, good)
	defer c.Release()
	if _, err := p.Context(context.Background(), "configure: queue q; tick 10; return 0"); !errors.Is(err, proxywasm.ErrRefused) {
		t.Fatalf("error %v", err)
	}
	s, err := c.NewStream(noExchange{})
	if err != nil {
		t.Fatal(err)
	}
	s.RequestHeaders(0, true)
	s.Finish()
	eventually(t, "the queue's listener is told", func() bool { return logged(logs, "probe: > queue_ready ctx=1 ") == 1 })
	if n := logged(logs, "probe: > queue_ready ctx=2 ") + logged(logs, "probe: > tick"); n != 0 {
		t.Errorf("the refused context was called %d times", n)
	}
}

func logged(logs *observer.ObservedLogs, prefix string) int {
	n := 0
	for _, e := range logs.All() {
		if strings.HasPrefix(e.Message, prefix) {
			n++
		}
	}
	return n
}
