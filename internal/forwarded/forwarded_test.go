package forwarded_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/loom-gateway/loom/internal/forwarded"
)

func TestIs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ is, alias bool }{
		"X-Forwarded-For":         {true, false},
		"x-forwarded-proto":       {true, false},
		"X-Forwarded-Client-Cert": {true, false},
		"X_Forwarded_For":         {true, true},
		"X.Forwarded-Prefix":      {true, true},
		"X-Forwarded_Port":        {true, true},
		"Forwarded":               {true, false},
		"FORWARDED":               {true, false},
		"X-Real-IP":               {true, false},
		"x_real.ip":               {true, true},
		"":                        {},
		"X-Forwarded":             {},
		"X-Forwarded-":            {},
		"XX-Forwarded-For":        {},
		"X-Forwarding-For":        {},
		"Forwarder":               {},
		"Forwarded-For":           {},
		"X-Real-Ip2":              {},
		"X~Forwarded~For":         {},
	} {
		if is, alias := forwarded.Is(name), forwarded.IsAlias(name); is != want.is || alias != want.alias {
			t.Errorf("%q: %v, alias %v", name, is, alias)
		}
	}
}

func TestDrop(t *testing.T) {
	t.Parallel()
	h := http.Header{"X-Forwarded-For": {"a"}, "X_real_ip": {"a"}, "Forwarded": {"a"}, "X-Mine": {"a"}, "X-Forward": {"a"}}
	forwarded.Drop(h)
	if names := slices.Sorted(maps.Keys(h)); !slices.Equal(names, []string{"X-Forward", "X-Mine"}) {
		t.Errorf("left: %v", names)
	}
}
