package gateway_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
)

func provision(t *testing.T, loom string) (*gateway.App, *moduletest.Caddy) {
	t.Helper()
	c := moduletest.Provision(t, `{"apps": {"loom": `+loom+`}}`)
	return c.App("loom").(*gateway.App), c
}

func TestUpstreamByName(t *testing.T) {
	t.Parallel()
	app, _ := provision(t, `{"upstreams": {"backend": {"endpoints": [{"address": "localhost:3000"}]}, "other": {"endpoints": [{"address": "[::1]:80", "weight": 3}]}}}`)
	u, err := app.Upstream("backend")
	if err != nil || u.Name() != "backend" {
		t.Fatalf("upstream %v, error %v", u, err)
	}
	if again, _ := app.Upstream("backend"); again != u {
		t.Error("two lookups give two upstreams")
	}
	for name, want := range map[string]string{
		"bakend": `unknown upstream "bakend": did you mean "backend"?`,
		"zzzzzz": `unknown upstream "zzzzzz": the loom app has no upstream of that name`,
	} {
		if _, err := app.Upstream(name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if s := app.UpstreamSnapshots(); len(s) != 2 || s[1].Endpoints[0].Weight != 3 || s[0].LoadBalancer != "round_robin" || s[0].Protocol != "http" {
		t.Errorf("snapshots = %+v", s)
	}
}

func TestUpstreamsArePooled(t *testing.T) {
	t.Parallel()
	const config = `{"upstreams": {"backend": {"endpoints": [{"address": "pooled:1"}], "load_balancer": %q}}}`
	first, c := provision(t, fmt.Sprintf(config, ""))
	same, _ := provision(t, fmt.Sprintf(config, "round_robin")) // the default, written out
	other, _ := provision(t, strings.Replace(fmt.Sprintf(config, ""), "pooled:1", "pooled:2", 1))
	a, _ := first.Upstream("backend")
	b, _ := same.Upstream("backend")
	d, _ := other.Upstream("backend")
	if a != b {
		t.Error("configs that say the same have two upstreams")
	}
	if a == d {
		t.Error("configs with different endpoints share an upstream")
	}
	c.Close()
	again, _ := provision(t, fmt.Sprintf(config, ""))
	if e, _ := again.Upstream("backend"); e != b {
		t.Error("the upstream was dropped while a config uses it")
	}
}

// TestRefusedSettings lists what the app says instead of starting with a setting that is wrong.
func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		`null`:                                                    `upstream "u": endpoints: at least one is required`,
		`{}`:                                                      `endpoints: at least one is required`,
		`{"endpoints": [{"address": ""}]}`:                        `missing port`,
		`{"endpoints": [{"address": "a"}]}`:                       `address "a": missing port in address (write host:port, [ipv6]:port or unix//path)`,
		`{"endpoints": [{"address": ":80"}]}`:                     `missing host`,
		`{"endpoints": [{"address": "a:0"}]}`:                     `port "0" is not a number from 1 to 65535`,
		`{"endpoints": [{"address": "a:99999"}]}`:                 `port "99999"`,
		`{"endpoints": [{"address": "a b:1"}]}`:                   `' ' does not belong in a host name`,
		`{"endpoints": [{"address": "::1:80"}]}`:                  `too many colons`,
		`{"endpoints": [{"address": "https://a:1/"}]}`:            `write "a:1" and set the protocol to https`,
		`{"endpoints": [{"address": "unix/"}]}`:                   `missing path of the socket`,
		`{"endpoints": [{"address": "a:1"}, {"address": "a:1"}]}`: `"a:1" is listed twice`,
		`{"endpoints": [{"address": "a:1", "weight": -1}]}`:       `weight -1`,
		`{"endpoints": [{"address": "a:1", "weight": 65537}, {"address": "b:1"}]}`:                                       `weights add up to more`,
		`{"endpoints": [{"address": "a:1"}], "load_balancer": "roundrobin"}`:                                             `load_balancer "roundrobin": did you mean "round_robin"?`,
		`{"endpoints": [{"address": "a:1"}], "load_balancer": "ip_hash"}`:                                                `load_balancer "ip_hash" is unknown: use round_robin`,
		`{"endpoints": [{"address": "a:1"}], "protocol": "htps"}`:                                                        `protocol "htps": did you mean "http`,
		`{"endpoints": [{"address": "a:1"}], "tls": {}}`:                                                                 `tls needs the protocol "https"`,
		`{"endpoints": [{"address": "a:1"}], "protocol": "https", "tls": {"ca": "testdata/none.pem"}}`:                   `reading tls file: open testdata/none.pem`,
		`{"endpoints": [{"address": "a:1"}], "protocol": "https", "tls": {"ca": "app_test.go"}}`:                         `no certificate in PEM found`,
		`{"endpoints": [{"address": "a:1"}], "protocol": "https", "tls": {"cert": "app_test.go"}}`:                       `both are required, or neither`,
		`{"endpoints": [{"address": "a:1"}], "protocol": "https", "tls": {"cert": "app_test.go", "key": "app_test.go"}}`: `reading the tls client certificate`,
		`{"endpoints": [{"address": "unix//run/a.sock"}], "protocol": "https"}`:                                          `needs tls server_name`,
		`{"endpoints": [{"address": "a:1"}], "connection_pool": {"max_per_endpoint": -1}}`:                               `must not be negative`,
		`{"endpoints": [{"address": "a:1"}], "connection_pool": {"dial_timeout": "-1s"}}`:                                `must not be negative`,
		`{"endpoints": [{"address": "a:1"}], "health_check": {}}`:                                                        `health_check: path "": must start with a slash`,
		`{"endpoints": [{"address": "a:1"}], "health_check": {"path": "/", "interval": "-1s"}}`:                          `interval and timeout must not be negative`,
		`{"endpoints": [{"address": "a:1"}], "health_check": {"path": "/", "healthy_threshold": -1}}`:                    `must be 1 or more`,
		`{"endpoints": [{"address": "a:1"}], "circuit_breaker": {"failure_threshold": -1}}`:                              `must be 1 or more`,
		`{"endpoints": [{"address": "a:1"}], "circuit_breaker": {"timeout": -1}}`:                                        `timeout must not be negative`,
		`{"endpoints": [{"address": "a:1"}], "circuit_breaker": {"failure_rate": 101}}`:                                  `failure_rate must be a percentage`,
		`{"endpoints": [{"address": "a:1"}], "circuit_breaker": {"failure_statuses": ["6xx"]}}`:                          `circuit_breaker: status "6xx"`,
		`{"endpoints": [{"address": "a:1"}], "passive_health": {"max_ejected": 101}}`:                                    `passive_health: max_ejected must be a percentage`,
		`{"endpoints": [{"address": "a:1"}], "health_check": {"type": "grpc"}}`:                                          `health_check: type grpc needs the protocol grpc`,
		`{"endpoints": [{"address": "a:1"}], "health_check": {"type": "icmp"}}`:                                          `type "icmp" is unknown`,
		`{"endpoints": [{"address": "a:1"}], "health_check": {"type": "tcp", "path": "/"}}`:                              `path, method, headers and body are for the type http`,
		`{"endpoints": [{"address": "a:1"}], "health_check": {"path": "/", "expect_body": "("}}`:                         `health_check: body: error parsing regexp`,
		`{"endpoints": [{"address": "a:1"}], "health_check": {"path": "/", "initial": "maybe"}}`:                         `initial "maybe": write healthy or unhealthy`,
		`{"endpoints": [{"address": "a:1"}], "panic_threshold": 101}`:                                                    `panic_threshold must be a percentage`,
		`{"endpoints": [{"address": "a:1"}], "slow_start": "-1s"}`:                                                       `slow_start must not be negative`,
	} {
		t.Run(settings, func(t *testing.T) {
			t.Parallel()
			_, err := moduletest.TryProvision(t, `{"apps": {"loom": {"upstreams": {"u": `+settings+`}}}}`)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %s", err, want)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := moduletest.TryProvision(t, `{"apps": {"loom": {"upstreams": {"a": {}, "b": {"endpoints": [{"address": "b"}]}}}}}`)
	if err == nil || !strings.Contains(err.Error(), `upstream "a"`) || !strings.Contains(err.Error(), `upstream "b"`) {
		t.Errorf("error %v, want one about both upstreams", err)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	app, _ := provision(t, `{}`)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			app.RegisterRoute(&gateway.RouteInfo{ID: fmt.Sprintf("r%d", 7-i), Paths: []string{"/"}})
			app.RegisterRoute(&gateway.RouteInfo{ID: "same", Plugins: []string{"p"}})
			app.Routes()
		})
	}
	all.Wait()
	routes := app.Routes()
	if len(routes) != 9 || routes[0].ID != "r0" || routes[8].ID != "same" {
		t.Fatalf("routes = %+v", routes)
	}
	routes[0].Paths[0] = "changed"
	if again := app.Routes(); again[0].Paths[0] != "/" {
		t.Error("a copy of the routes changes the app's own")
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	app, c := provision(t, `{}`)
	thing := &counted{}
	for range 3 {
		got, err := app.Shared("test", func() (any, error) {
			thing.made++
			return thing, nil
		})
		if err != nil || got != thing {
			t.Fatalf("thing %v, error %v", got, err)
		}
	}
	if _, err := app.Shared("fails", func() (any, error) { return nil, fmt.Errorf("no") }); err == nil {
		t.Error("the error of the maker was lost")
	}
	c.Close()
	if thing.made != 1 || thing.cleaned != 1 {
		t.Errorf("made %d times, cleaned up %d times, want once each", thing.made, thing.cleaned)
	}
}

type counted struct{ made, cleaned int }

func (c *counted) Cleanup() error { c.cleaned++; return nil }
