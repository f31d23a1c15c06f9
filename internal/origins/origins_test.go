package origins

import (
	"strings"
	"testing"
)

func TestHas(t *testing.T) {
	t.Parallel()
	set, err := New([]string{"https://a.test", "https://*.b.test", "http://localhost:*"})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://a.test": true, "https://x.y.b.test": true, "http://localhost:3000": true,
		"http://a.test": false, "https://a.test:8443": false, "https://b.test": false, "https://evilb.test": false, "https://a.test.evil.test": false,
		"null": false, "": false, "https://A.test": false,
	} {
		if got := set.Has(origin); got != want {
			t.Errorf("%q is allowed: %v, want %v", origin, got, want)
		}
	}
	all, err := New([]string{"*"})
	if err != nil || !all.Has("https://x.test") {
		t.Errorf("* does not allow all: %v", err)
	}
}

func TestRefusedPatterns(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{"a.test": "scheme://host", "https://a.test/x": "without a path", "null": `"null"`} {
		if _, err := New([]string{pattern}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	if _, err := New(nil); err == nil || !strings.Contains(err.Error(), "at least one") {
		t.Errorf("no pattern: %v", err)
	}
}
