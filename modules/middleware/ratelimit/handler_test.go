package ratelimit_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	_ "github.com/loom-gateway/loom/modules/middleware/ratelimit"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/router"
)

// limited is a config with a limiter in front of two routes. options are JSON; an hour passes for no test.
func limited(options string) string {
	return moduletest.HTTP(`{}`, `{"handler": "loom_router", "middleware": [`+limiter(options)+`], "routes": [
		{"id": "a", "paths": ["/a/*"], "handle": [{"handler": "static_response", "body": "a"}]},
		{"id": "b", "paths": ["/b/*"], "handle": [{"handler": "static_response", "body": "b"}]}]}`)
}

func limiter(options string) string { return `{"handler": "loom_rate_limit", ` + options + `}` }

// perHour is the option of a limit of n.
func perHour(n int) string { return fmt.Sprintf(`"limits": [{"rate": %d, "per": "1h"}]`, n) }

type request struct {
	path, ip string
	header   map[string]string
}

func send(c *moduletest.Caddy, r request) *http.Response {
	req := httptest.NewRequest(http.MethodGet, r.path, nil)
	req.RemoteAddr = r.ip
	for name, value := range r.header {
		req.Header.Add(name, value)
	}
	res := c.Serve(req)
	_ = res.Body.Close()
	return res
}

// passes is how many of ten requests get through.
func passes(c *moduletest.Caddy, r request) (n int) {
	for range 10 {
		if send(c, r).StatusCode == http.StatusOK {
			n++
		}
	}
	return n
}

const me, other = "192.0.2.1:1234", "192.0.2.2:1234"

func token(claims string) string {
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func bearer(claims string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token(claims)}
}

// Ten requests each, one after the other: who shares a limit of 3, and who has one of their own.
func TestKeys(t *testing.T) {
	t.Parallel()
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	for name, tc := range map[string]struct {
		options  string
		requests []request
		want     []int
	}{
		"client address": {``, []request{{"/a/x", me, nil}, {"/a/y", "192.0.2.1:99", nil}, {"/a/x", other, nil}}, []int{3, 0, 3}},
		"not what a client says of itself": {
			``, []request{{"/a/x", me, nil}, {"/a/x", me, header("X-Forwarded-For", "198.51.100.1")}}, []int{3, 0},
		},
		"a mapped address is the same": {``, []request{{"/a/", me, nil}, {"/a/", "[::ffff:192.0.2.1]:80", nil}}, []int{3, 0}},
		"an IPv6 network":              {``, []request{{"/a/", "[2001:db8::1]:1", nil}, {"/a/", "[2001:db8::ffff:2]:1", nil}, {"/a/", "[2001:db8:0:1::1]:1", nil}}, []int{3, 0, 3}},
		"IPv6 addresses":               {`"ipv6_prefix": 128`, []request{{"/a/", "[2001:db8::1]:1", nil}, {"/a/", "[2001:db8::2]:1", nil}}, []int{3, 3}},
		"header":                       {`"key": ["header:x-api-key"]`, []request{{"/a/", me, header("X-Api-Key", "1")}, {"/a/", other, header("X-Api-Key", "1")}, {"/a/", me, header("X-Api-Key", "2")}}, []int{3, 0, 3}},
		"host":                         {`"key": ["header:host"]`, []request{{"http://one/a/", me, nil}, {"http://one/a/", other, nil}, {"http://two/a/", me, nil}}, []int{3, 0, 3}},
		"cookie":                       {`"key": ["cookie:id"]`, []request{{"/a/", me, header("Cookie", "x=1; id=7")}, {"/a/", other, header("Cookie", `id="7"; id=8`)}, {"/a/", me, header("Cookie", "id=8")}}, []int{3, 0, 3}},
		"claim":                        {`"key": ["claim:sub"]`, []request{{"/a/", me, bearer(`{"sub":"u","x":1}`)}, {"/a/", other, bearer(`{"x":2,"sub":"\u0075"}`)}, {"/a/", me, bearer(`{"sub":"v"}`)}}, []int{3, 0, 3}},
		"route":                        {`"name": "r", "key": ["route"]`, []request{{"/a/", me, nil}, {"/a/", other, nil}, {"/b/", me, nil}}, []int{3, 0, 3}},
		"all":                          {`"name": "all", "key": ["all"]`, []request{{"/a/", me, nil}, {"/b/", other, nil}}, []int{3, 0}},
		"no name: each route for itself": {
			``, []request{{"/a/", me, nil}, {"/b/", me, nil}, {"/b/", me, nil}}, []int{3, 3, 0},
		},
		"a name: routes together": {`"name": "together"`, []request{{"/a/", me, nil}, {"/b/", me, nil}}, []int{3, 0}},
		"several": {
			`"key": ["client_ip", "header:A", "header:B"]`,
			[]request{
				{"/a/", me, map[string]string{"A": "x", "B": "yz"}},
				{"/a/", me, map[string]string{"A": "xy", "B": "z"}},
				{"/a/", other, map[string]string{"A": "x", "B": "yz"}},
			},
			[]int{3, 3, 3},
		},
		"missing: the address stands in":      {`"key": ["header:K"]`, []request{{"/a/", me, nil}, {"/a/", me, header("K", "")}, {"/a/", other, nil}}, []int{3, 0, 3}},
		"missing: allowed":                    {`"key": ["header:K"], "on_missing_key": "allow"`, []request{{"/a/", me, nil}}, []int{10}},
		"missing: denied":                     {`"key": ["header:K"], "on_missing_key": "deny"`, []request{{"/a/", me, nil}}, []int{0}},
		"what is no claim is missing":         {`"key": ["claim:sub"], "on_missing_key": "deny"`, []request{{"/a/", me, bearer(`{"sub":["u"]}`)}, {"/a/", me, bearer(`{"sub":null}`)}, {"/a/", me, bearer(`{`)}, {"/a/", me, bearer(`{"sub":"` + strings.Repeat("x", 8<<10) + `"}`)}}, []int{0, 0, 0, 0}},
		"what is no token is missing":         {`"key": ["claim:sub"], "on_missing_key": "deny"`, []request{{"/a/", me, header("Authorization", "Bearer x")}, {"/a/", me, header("Authorization", "Bearer a.%%.c")}, {"/a/", me, header("Authorization", "Basic "+token(`{"sub":"u"}`))}}, []int{0, 0, 0}},
		"a value does not pass for a address": {`"key": ["header:K"]`, []request{{"/a/", me, nil}, {"/a/", me, header("K", "\xc0\x00\x02\x01")}}, []int{3, 3}},
		"not enforced":                        {`"enforce": false`, []request{{"/a/", me, nil}}, []int{10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := perHour(3)
			if tc.options != "" {
				options += ", " + tc.options
			}
			if !strings.Contains(options, `"name"`) && !strings.Contains(name, "no name") {
				options += `, "name": ` + moduletest.Quote(t.Name())
			}
			c := moduletest.Provision(t, limited(options))
			for i, r := range tc.requests {
				if got := passes(c, r); got != tc.want[i] {
					t.Errorf("request %d: %d of 10 pass, want %d", i+1, got, tc.want[i])
				}
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	two := `"limits": [{"rate": 2, "per": "1h", "burst": 3}, {"rate": 50, "per": "24h", "burst": 50}]`
	for name, tc := range map[string]struct {
		options           string
		allowed, exceeded map[string]string
	}{
		"trio": {
			two,
			map[string]string{"RateLimit-Limit": "3", "RateLimit-Remaining": "2", "RateLimit-Reset": "1800", "Retry-After": ""},
			map[string]string{"RateLimit-Limit": "3", "RateLimit-Remaining": "0", "RateLimit-Reset": "5400", "Retry-After": "1800", "RateLimit-Policy": ""},
		},
		"draft": {
			two + `, "headers": "draft"`,
			map[string]string{"RateLimit-Policy": `"limit-1";q=3;w=5400, "limit-2";q=50;w=86400`, "RateLimit": `"limit-1";r=2;t=1800, "limit-2";r=49;t=1728`, "RateLimit-Limit": ""},
			map[string]string{"RateLimit": `"limit-1";r=0;t=5400, "limit-2";r=47;t=5184`, "Retry-After": "1800"},
		},
		"off": {two + `, "headers": "off"`, map[string]string{"RateLimit-Limit": "", "RateLimit": ""}, map[string]string{"RateLimit-Limit": "", "Retry-After": "1800"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := moduletest.Provision(t, limited(tc.options+`, "name": `+moduletest.Quote(t.Name())))
			check := func(res *http.Response, status int, want map[string]string) {
				t.Helper()
				if res.StatusCode != status {
					t.Errorf("status %d, want %d", res.StatusCode, status)
				}
				for name, value := range want {
					if got := res.Header.Get(name); got != value {
						t.Errorf("%s is %q, want %q", name, got, value)
					}
				}
			}
			check(send(c, request{"/a/", me, nil}), 200, tc.allowed)
			send(c, request{"/a/", me, nil})
			send(c, request{"/a/", me, nil})
			check(send(c, request{"/a/", me, nil}), 429, tc.exceeded)
		})
	}
}

func TestRefusedConfigs(t *testing.T) {
	t.Parallel()
	for want, options := range map[string]string{
		"write one to 4":              `"key": ["client_ip"]`,
		"limit 1: rate must be":       `"limits": [{"per": "1s"}]`,
		"limit 2: burst must be":      `"limits": [{"rate": 1}, {"rate": 1, "burst": -1}]`,
		`did you mean "header"?`:      perHour(1) + `, "key": ["heade:X"]`,
		"such as header:X-API-Key":    perHour(1) + `, "key": ["header"]`,
		"such as claim:sub":           perHour(1) + `, "key": ["claim:"]`,
		"takes no name":               perHour(1) + `, "key": ["route:x"]`,
		"stands twice":                perHour(1) + `, "key": ["header:a", "header:A"]`,
		"write it alone":              perHour(1) + `, "key": ["all", "route"]`,
		"ipv6_prefix 129":             perHour(1) + `, "ipv6_prefix": 129`,
		"max_keys 5: write 1000":      perHour(1) + `, "max_keys": 5`,
		`did you mean "local"?`:       perHour(1) + `, "on_store_error": "lokal"`,
		"on_missing_key \"x\": write": perHour(1) + `, "on_missing_key": "x"`,
		`did you mean "draft"?`:       perHour(1) + `, "headers": "drft"`,
		`unknown redis "shared"`:      perHour(1) + `, "redis": "shared"`,
	} {
		if _, err := moduletest.TryProvision(t, limited(options)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", options, err, want)
		}
	}
}

// Twenty reloads under load, each of which changes something, take nothing back and give nothing twice.
func TestReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	const burst = 2000
	config := func(generation int) string {
		return limited(fmt.Sprintf(`"name": %q, "limits": [{"rate": 1, "per": "40h", "burst": %d}], "max_keys": %d`, t.Name(), burst, 1000+generation))
	}
	var current atomic.Pointer[moduletest.Caddy]
	current.Store(moduletest.Provision(t, config(0)))
	var passed, sent atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if send(current.Load(), request{"/a/", me, nil}).StatusCode == http.StatusOK {
					passed.Add(1)
				}
				sent.Add(1)
			}
		})
	}
	for i := range 20 {
		for target := int64(burst) * int64(i+1) / 16; sent.Load() < target; {
			send(current.Load(), request{"/b/", other, nil})
		}
		next := moduletest.Provision(t, config(1+i))
		current.Swap(next).Close() // requests of the old one are still on their way
	}
	close(stop)
	wg.Wait()
	if n := passed.Load(); n != burst {
		t.Errorf("%d of %d requests passed over 20 reloads, the burst is %d", n, sent.Load(), burst)
	}
}

func TestMetricsAndLog(t *testing.T) {
	t.Parallel()
	config := func(rate int) string {
		return limited(perHour(rate) + `, "name": "metrics", "key": ["header:K"], "on_missing_key": "deny"`)
	}
	one := moduletest.Provision(t, config(2))
	for range 5 {
		send(one, request{"/a/", me, map[string]string{"K": "secret\n1"}})
	}
	send(one, request{"/b/", me, nil})
	send(one, request{"/none", me, map[string]string{"K": "2"}})
	two := moduletest.Provision(t, config(3))
	one.Close()
	send(two, request{"/a/", me, map[string]string{"K": "secret\n1"}})
	ctx := two.Context()
	want := `
# HELP loom_rate_limit_evictions_total Keys in use that were forgotten because there were too many.
# TYPE loom_rate_limit_evictions_total counter
loom_rate_limit_evictions_total{limiter="metrics"} 0
# HELP loom_rate_limit_keys Keys that the limiter knows in this process.
# TYPE loom_rate_limit_keys gauge
loom_rate_limit_keys{limiter="metrics"} 2
# HELP loom_rate_limit_store_errors_total Decisions that the shared store did not make.
# TYPE loom_rate_limit_store_errors_total counter
loom_rate_limit_store_errors_total{limiter="metrics"} 0
# HELP loom_rate_limit_total Requests at the limiter, by what it decided.
# TYPE loom_rate_limit_total counter
loom_rate_limit_total{limiter="metrics",result="allowed",route=""} 1
loom_rate_limit_total{limiter="metrics",result="error",route=""} 0
loom_rate_limit_total{limiter="metrics",result="limited",route=""} 0
loom_rate_limit_total{limiter="metrics",result="allowed",route="a"} 2
loom_rate_limit_total{limiter="metrics",result="error",route="a"} 0
loom_rate_limit_total{limiter="metrics",result="limited",route="a"} 4
loom_rate_limit_total{limiter="metrics",result="allowed",route="b"} 0
loom_rate_limit_total{limiter="metrics",result="error",route="b"} 0
loom_rate_limit_total{limiter="metrics",result="limited",route="b"} 1
`
	if err := testutil.GatherAndCompare(ctx.GetMetricsRegistry(), strings.NewReader(want),
		"loom_rate_limit_total", "loom_rate_limit_keys", "loom_rate_limit_evictions_total", "loom_rate_limit_store_errors_total"); err != nil {
		t.Error(err)
	}
	logs := one.Logs()
	if n := strings.Count(logs, "over their rate limit"); n != 1 {
		t.Errorf("%d lines about refusals, want 1 for now", n)
	}
	if !strings.Contains(logs, `"limiter":"metrics","route":"a","requests":1`) {
		t.Errorf("the log lacks who refused: %s", logs)
	}
}
