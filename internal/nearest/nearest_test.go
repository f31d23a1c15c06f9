package nearest

import "testing"

func TestWord(t *testing.T) {
	valid := []string{"path", "method", "host", "upstream", "load_balancer", "health_check", "to"}
	for _, c := range []struct{ got, want string }{
		{"pth", "path"},
		{"paht", "path"},
		{"methods", "method"},
		{"METHOD", "method"},
		{"health-check", "health_check"},
		{"loadbalancer", "load_balancer"},
		{"upsteram", "upstream"},
		{"xylophone", ""},
		{"zz", ""},
		{"", ""},
	} {
		if got := Word(c.got, valid); got != c.want {
			t.Errorf("Word(%q) = %q, want %q", c.got, got, c.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"abc", "abd", 1},
		{"kitten", "sitting", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
