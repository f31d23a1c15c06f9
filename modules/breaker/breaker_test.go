package breaker_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/loom-gateway/loom/modules/breaker"
	"github.com/loom-gateway/loom/modules/moduletest"
)

// TestBreaker has a backend of Caddy's reverse_proxy fail, be left alone, and come back.
func TestBreaker(t *testing.T) {
	t.Parallel()
	var status, seen atomic.Int64
	status.Store(502)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		seen.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(backend.Close)
	c := moduletest.Provision(t, moduletest.HTTP("", `{"handler": "reverse_proxy",
		"circuit_breaker": {"type": "loom", "failure_threshold": 3, "success_threshold": 2, "timeout": "300ms"},
		"upstreams": [{"dial": "`+backend.Listener.Addr().String()+`"}]}`)).Start()
	get := func() int {
		res, err := http.Get(c.URL(moduletest.ServerName))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for range 3 {
		if got := get(); got != 502 {
			t.Errorf("status %d while it is closed", got)
		}
	}
	refused := get()
	for deadline := time.Now().Add(20 * time.Second); refused != 503 && time.Now().Before(deadline); refused = get() {
	}
	if refused != 503 {
		t.Errorf("status %d while it is open", refused)
	}
	status.Store(200)
	for deadline := time.Now().Add(20 * time.Second); get() != 200; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it stays open")
		}
	}
	if get() != 200 || !strings.Contains(c.Logs(), `"to":"open"`) {
		t.Errorf("log: %s", c.Logs())
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		`"failure_threshold": -1`:      "must be 1 or more",
		`"failure_rate": 101`:          "failure_rate must be a percentage",
		`"failure_statuses": ["nine"]`: `status "nine"`,
	} {
		_, err := moduletest.TryProvision(t, moduletest.HTTP("", `{"handler": "reverse_proxy", "circuit_breaker": {"type": "loom", `+settings+`},
			"upstreams": [{"dial": "a:1"}]}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
