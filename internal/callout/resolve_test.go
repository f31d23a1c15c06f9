package callout

import (
	"errors"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/upstream"
)

func TestParseTarget(t *testing.T) {
	for name, want := range map[string]target{
		"auth.test:8080":                {address: "auth.test:8080"},
		"AUTH.test:8080":                {address: "auth.test:8080"},
		"auth.test:443":                 {address: "auth.test:443", secure: true},
		"http://auth.test":              {address: "auth.test:80"},
		"http://auth.test:443":          {address: "auth.test:443"},
		"https://auth.test":             {address: "auth.test:443", secure: true},
		"https://auth.test:8443/":       {address: "auth.test:8443", secure: true},
		"https://[::1]":                 {address: "[::1]:443", secure: true},
		"[::1]:80":                      {address: "[::1]:80"},
		"outbound|443||auth.test":       {address: "auth.test:443", secure: true, service: "auth.test"},
		"outbound|80|v1|auth.test":      {address: "auth.test:80", service: "auth.test"},
		"outbound|6379||redis.static":   {address: "redis:6379", service: "redis.static", registry: "static"},
		"outbound|443||api.example.dns": {address: "api.example:443", secure: true, service: "api.example.dns", registry: "dns"},
	} {
		if got, ok := parseTarget(name); !ok || got != want {
			t.Errorf("%q: %+v, %v, want %+v", name, got, ok, want)
		}
	}
	for _, name := range []string{
		"", "auth", "auth.test", "ftp://auth.test", "unix//run/a", "http://a/b", "http://user@a", "outbound|80||", "outbound|x||a", "outbound|80|a",
		"a:0", "a:99999", "a b:80", "\n\x03abc",
	} {
		if got, ok := parseTarget(name); ok {
			t.Errorf("%q was read as %+v", name, got)
		}
	}
}

// One address has one set of connections for each protocol, and a plugin has only those that it is allowed.
func TestDirectAddresses(t *testing.T) {
	c := newCaller(t)
	c.Allow(nil, []string{"Auth.test:8080"})
	plain, err := c.find("auth.test:8080", false, upstream.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.find("http://auth.test:8080", false, upstream.HTTP); again != plain {
		t.Error("the same address twice is two upstreams")
	}
	for _, secure := range []struct {
		name   string
		scheme bool
	}{{"https://auth.test:8080", false}, {"auth.test:8080", true}} {
		u, err := c.find(secure.name, secure.scheme, upstream.HTTP)
		if err != nil || u.Protocol() != upstream.HTTPS {
			t.Errorf("%q: %v, %v", secure.name, u, err)
		}
	}
	for _, name := range []string{"auth.test:8081", "auth.test.evil.test:8080", "auth.test:80", "nobody"} {
		if _, err := c.find(name, false, upstream.HTTP); !errors.Is(err, proxywasm.ErrUnknownUpstream) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestTimeout(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		0: maxTimeout, -1: maxTimeout, time.Second: time.Second, time.Hour: maxTimeout,
	} {
		if got := timeout(asked); got != want {
			t.Errorf("asked for %s: %s, want %s", asked, got, want)
		}
	}
}
