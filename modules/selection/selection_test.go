package selection_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile" // the adapter

	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/selection"
)

// backends answer with their letter.
func backends(t *testing.T, n int) (addresses []string) {
	t.Helper()
	for i := range n {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hang" {
				<-r.Context().Done()
			}
			io.WriteString(w, string(rune('a'+i)))
		}))
		t.Cleanup(s.Close)
		addresses = append(addresses, s.Listener.Addr().String())
	}
	return addresses
}

// proxy is a running Caddy whose reverse_proxy has a policy of ours.
func proxy(t *testing.T, policy string, addresses ...string) *moduletest.Caddy {
	t.Helper()
	c, err := tryProxy(t, policy, addresses...)
	if err != nil {
		t.Fatal(err)
	}
	return c.Start()
}

func tryProxy(t *testing.T, policy string, addresses ...string) (*moduletest.Caddy, error) {
	t.Helper()
	var upstreams []string
	for _, a := range addresses {
		upstreams = append(upstreams, `{"dial": "`+a+`"}`)
	}
	return moduletest.TryProvision(t, moduletest.HTTP("", fmt.Sprintf(`{"handler": "reverse_proxy",
		"load_balancing": {"selection_policy": %s, "retries": 2},
		"health_checks": {"passive": {"fail_duration": "1m"}},
		"upstreams": [%s]}`, policy, strings.Join(upstreams, ","))))
}

func ask(t *testing.T, c *moduletest.Caddy, n int, header ...string) string {
	t.Helper()
	var answers strings.Builder
	for range n {
		req := httptest.NewRequest(http.MethodGet, c.URL(moduletest.ServerName), nil)
		req.RequestURI = ""
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(&answers, res.Body)
		res.Body.Close()
	}
	return answers.String()
}

func TestWeighted(t *testing.T) {
	t.Parallel()
	b := backends(t, 2)
	c := proxy(t, `{"policy": "loom_weighted", "weights": {"`+b[0]+`": 3}}`, b...)
	if got := ask(t, c, 8); got != "aabaaaba" {
		t.Errorf("answers %s, want aabaaaba", got)
	}
}

// TestWeightedWithOneDown has the others share by their weights what is left.
func TestWeightedWithOneDown(t *testing.T) {
	t.Parallel()
	b := append(backends(t, 2), "127.0.0.1:1")
	c := proxy(t, fmt.Sprintf(`{"policy": "loom_weighted", "weights": {%q: 2, %q: 5}}`, b[0], b[2]), b...)
	ask(t, c, 20) // passive health finds out
	got := ask(t, c, 30)
	if strings.Count(got, "a") != 20 || strings.Count(got, "b") != 10 {
		t.Errorf("answers %s, want 20 a and 10 b", got)
	}
}

// TestLeastConn has requests pass an upstream by whose others hang, and come back when those have ended.
func TestLeastConn(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"loom_least_conn", "loom_p2c"} {
		c := proxy(t, `{"policy": "`+policy+`"}`, backends(t, 2)...)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, c.URL(moduletest.ServerName)+"/hang", nil)
			if res, err := http.DefaultClient.Do(req); err == nil {
				res.Body.Close()
			}
		}()
		var busy string
		wait(t, policy+" to know the busy one", func() bool {
			got := ask(t, c, 12)
			busy = strings.Trim("ab", got[:1])
			return strings.Count(got, got[:1]) == len(got)
		})
		cancel()
		<-gone
		wait(t, policy+" to use "+busy+" again", func() bool { return strings.Contains(ask(t, c, 12), busy) })
	}
}

func TestEWMAAndRandomUseAll(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"loom_random", "loom_ewma"} {
		c := proxy(t, `{"policy": "`+policy+`"}`, backends(t, 3)...)
		wait(t, policy+" to use all", func() bool {
			got := ask(t, c, 20)
			return strings.Contains(got, "a") && strings.Contains(got, "b") && strings.Contains(got, "c")
		})
	}
}

func TestConsistentHash(t *testing.T) {
	t.Parallel()
	b := backends(t, 4)
	byHeader := proxy(t, `{"policy": "loom_consistent_hash", "header": "X-User"}`, b...)
	byCookie := proxy(t, `{"policy": "loom_consistent_hash", "cookie": "user"}`, b...)
	byIP := proxy(t, `{"policy": "loom_consistent_hash", "client_ip": true}`, b...)
	seen := map[string]bool{}
	for i := range 20 {
		name := fmt.Sprintf("user-%d", i)
		got := ask(t, byHeader, 3, "X-User", name) + ask(t, byCookie, 3, "Cookie", "user="+name)
		if strings.Count(got, got[:1]) != 6 {
			t.Errorf("%s went to %s", name, got)
		}
		seen[got[:1]] = true
	}
	if len(seen) < 2 {
		t.Errorf("twenty users went to %v", seen)
	}
	if got := ask(t, byIP, 9); strings.Count(got, got[:1]) != 9 {
		t.Errorf("one address went to %s", got)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]string{
		`{"policy": "loom_weighted", "weights": {"a:1": 0}}`:                             "weight 0",
		`{"policy": "loom_consistent_hash"}`:                                             "exactly one of header, cookie and client_ip",
		`{"policy": "loom_consistent_hash", "header": "X", "cookie": "x"}`:               "exactly one of header, cookie and client_ip",
		`{"policy": "loom_consistent_hash", "header": "X", "balance_factor": 90}`:        "balance factor 90",
		`{"policy": "loom_consistent_hash", "header": "X", "weights": {"a:1": 1048577}}`: "weight 1048577",
	} {
		if _, err := tryProxy(t, policy, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", policy, err, want)
		}
	}
}

// TestNoUpstreams is what a dynamic source without an answer looks like.
func TestNoUpstreams(t *testing.T) {
	t.Parallel()
	c := proxy(t, `{"policy": "loom_weighted"}`, "127.0.0.1:1")
	if got := c.Serve(httptest.NewRequest(http.MethodGet, "/", nil)).StatusCode; got != http.StatusBadGateway && got != http.StatusServiceUnavailable {
		t.Errorf("status %d", got)
	}
}

func TestCaddyfile(t *testing.T) {
	t.Parallel()
	adapter := caddyconfig.GetAdapter("caddyfile")
	body, _, err := adapter.Adapt([]byte(`:80 {
		reverse_proxy a:1 b:1 {
			lb_policy loom_consistent_hash {
				cookie session
				balance_factor 150
				weight a:1 3
			}
		}
	}`), nil)
	want := `"selection_policy":{"balance_factor":150,"cookie":"session","policy":"loom_consistent_hash","weights":{"a:1":3}}`
	if err != nil || !strings.Contains(string(body), want) {
		t.Errorf("%s, %v; want %s", body, err, want)
	}
	for _, wrong := range []string{"weight a:1", "weight a:1 x", "wait a:1 1"} {
		_, _, err := adapter.Adapt([]byte(":80 {\nreverse_proxy a:1 {\nlb_policy loom_weighted {\n"+wrong+"\n}\n}\n}"), nil)
		if err == nil {
			t.Errorf("%q was accepted", wrong)
		}
	}
}

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
