package ratelimit_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/redis/redistest"
	"github.com/loom-gateway/loom/modules/moduletest"
)

const patience = 30 * time.Second

// shared is a gateway whose limiter counts in a Redis. name tells gateways of a test process apart, which would share more than
// Redis otherwise.
func shared(t *testing.T, addr, redis, options string) string {
	t.Helper()
	return moduletest.HTTP(
		`{"redis": {"shared": {"address": "`+addr+`", `+redis+`}}}`,
		limiter(`"redis": "shared", "key": ["all"], `+options), `{"handler": "static_response", "body": "ok"}`)
}

const slowMachine = `"timeout": "10s"` // so that a slow machine is not taken for a dead server

// Two gateways of a dozen clients let exactly as many requests through as their limit has.
func TestTwoGatewaysShareALimit(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t).Addr
	options := `"name": "two gateways", "limits": [{"rate": 100, "per": "24h"}]`
	one := moduletest.Provision(t, shared(t, addr, slowMachine, options)).Start()
	two := moduletest.Provision(t, shared(t, addr, slowMachine+`, "pool_size": 10`, options)).Start() // another pool of connections
	var statuses sync.Map
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			for range 25 {
				res, err := http.Get([]*moduletest.Caddy{one, two}[i%2].URL(""))
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				n, _ := statuses.LoadOrStore(res.StatusCode, new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
			}
		})
	}
	wg.Wait()
	for status, want := range map[int]int64{http.StatusOK: 100, http.StatusTooManyRequests: 200} {
		n, ok := statuses.Load(status)
		if !ok || n.(*atomic.Int64).Load() != want {
			t.Errorf("status %d: %v times, want %d", status, n, want)
		}
	}
}

// Redis dies in the middle of the load, and comes back.
func TestRedisDiesUnderLoad(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]struct {
		status  int
		metrics string
	}{
		"allow": {http.StatusOK, `result="error",route=""`},
		"deny":  {http.StatusServiceUnavailable, `result="error",route=""`},
		"local": {http.StatusOK, `result="allowed",route=""`},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			c := moduletest.Provision(t, shared(t, server.Addr, `"timeout": "10s", "retry_interval": "20ms"`,
				fmt.Sprintf(`"name": %q, "limits": [{"rate": 1000000, "per": "1h"}], "on_store_error": %q`, t.Name(), policy))).Start()
			load := newLoad(c)
			load.until(t, "answers with Redis", func() bool { return load.count(http.StatusOK) > 100 })
			server.Stop()
			before := load.count(want.status)
			load.until(t, "answers without Redis", func() bool { return load.count(want.status) > before+200 })
			load.until(t, "line that Redis is gone", func() bool { return strings.Contains(c.Logs(), "redis does not answer") })
			server.Restart(t)
			load.until(t, "line that Redis is back", func() bool { return strings.Contains(c.Logs(), "redis answers again") })
			load.stop()
			for status := range load.statuses {
				if status != http.StatusOK && status != want.status {
					t.Errorf("%d answers were %d", load.count(status), status)
				}
			}
			page := metrics(t, c)
			if storeErrors := page[`loom_rate_limit_store_errors_total{limiter="`+t.Name()+`"}`]; storeErrors < 200 {
				t.Errorf("%v decisions of the store were missing", storeErrors)
			}
			if n := page[`loom_rate_limit_total{limiter="`+t.Name()+`",`+want.metrics+`}`]; n < 200 {
				t.Errorf("%v requests have %s", n, want.metrics)
			}
		})
	}
}

// A Redis that hangs costs the first requests its timeout, and the others nothing.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := moduletest.Provision(t, shared(t, server.Addr, `"timeout": "300ms", "retry_interval": "1h"`,
		`"name": "hangs", "limits": [{"rate": 1000000, "per": "1h"}], "on_store_error": "deny"`))
	if passes(c, request{"/", me, nil}) == 0 {
		t.Fatal("Redis does not answer at all")
	}
	server.Pause(t)
	defer server.Resume(t)
	began := time.Now()
	for range 2000 {
		if res := send(c, request{"/", me, nil}); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "1" {
			t.Fatalf("%d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
		}
	}
	if took := time.Since(began); took > patience {
		t.Errorf("2000 requests took %s: each would wait 300ms", took)
	}
}

// Provisioning opens no connection, and a password comes from the environment.
func TestLazyConnection(t *testing.T) {
	t.Setenv("TEST_REDIS_PASSWORD", "secret")
	server := redistest.Start(t, "--requirepass", "secret")
	server.Stop()
	c := moduletest.Provision(t, shared(t, server.Addr, slowMachine+`, "password": "{env.TEST_REDIS_PASSWORD}"`,
		`"name": "lazy", "limits": [{"rate": 3, "per": "1h"}], "on_store_error": "deny"`)).Start()
	server.Restart(t)
	if n := passes(c, request{"/", me, nil}); n != 3 {
		t.Errorf("%d of 10 pass, want 3", n)
	}
	if strings.Contains(c.Logs(), "redis does not answer") {
		t.Error("somebody asked Redis before the first request")
	}
	for want, redis := range map[string]string{
		"password":            `"password": "{env.TEST_REDIS_NO_PASSWORD}"`,
		"must not be":         `"db": -1`,
		"reading tls file":    `"tls": {"ca": "/nowhere.pem"}`,
		"both are required":   `"tls": {"cert": "redis_test.go"}`,
		"no certificate in P": `"tls": {"ca": "redis_test.go"}`,
	} {
		if _, err := moduletest.TryProvision(t, shared(t, server.Addr, redis, `"limits": [{"rate": 1}]`)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", redis, err)
		}
	}
}

// load are clients that ask all the time.
type load struct {
	c        *moduletest.Caddy
	done     chan struct{}
	wg       sync.WaitGroup
	mu       sync.Mutex
	statuses map[int]int
}

func newLoad(c *moduletest.Caddy) *load {
	l := &load{c: c, done: make(chan struct{}), statuses: map[int]int{}}
	for range 4 {
		l.wg.Go(func() {
			for {
				select {
				case <-l.done:
					return
				default:
				}
				res := send(c, request{"/", me, nil})
				l.mu.Lock()
				l.statuses[res.StatusCode]++
				l.mu.Unlock()
			}
		})
	}
	return l
}

func (l *load) count(status int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.statuses[status]
}

func (l *load) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.stop()
			t.Fatalf("no %s: %v", what, l.statuses)
		}
	}
}

func (l *load) stop() {
	close(l.done)
	l.wg.Wait()
}

// metrics are the values of the limiter's counters by their series.
func metrics(t *testing.T, c *moduletest.Caddy) map[string]float64 {
	t.Helper()
	ctx := c.Context()
	families, err := ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			values[family.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue()
		}
	}
	return values
}
