package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

// edits are the ways to write to a buffer that holds `abcdef`.
func edits() []struct{ name, command, want string } {
	return []struct{ name, command, want string }{
		{"replace", "setbuf %d 0 2147483647 new", "new"},
		{"replace by more", "setbuf %d 0 6 longerthanbefore", "longerthanbefore"},
		{"prepend", "setbuf %d 0 0 <", "<abcdef"},
		{"append", "setbuf %d 2147483647 0 >", "abcdef>"},
		{"append at the end", "setbuf %d 6 99 >", "abcdef>"},
	}
}

// edited runs each edit on a body of both framings, and compares what the backend (direction 0) or the client (1) got.
func edited(t *testing.T, direction int, command, want string, change ...func(*plugin.Spec)) {
	t.Helper()
	name := [...]string{"request", "response"}[direction]
	g := serve(t, setup{
		plugins: []plugin.Spec{probe(whole(name, fmt.Sprintf(command, direction)), change...)},
		backend: func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || (r.ContentLength >= 0 && r.ContentLength != int64(len(body))) {
				t.Errorf("request body %q with a length of %d: %v", body, r.ContentLength, err)
			}
			if direction == 0 {
				w.Header().Set("X-Got", string(body))
				return
			}
			if r.Header.Get("X-Length") != "" {
				w.Header().Set("Content-Length", "6")
			}
			_, _ = io.WriteString(w, "abc")
			_, _ = io.WriteString(w, "def")
		},
	})
	for _, a := range []answer{
		g.do(t, "POST", "/", strings.NewReader("abcdef"), "X-Length", "6"),
		g.do(t, "POST", "/", chunked("abcdef")),
	} {
		got := a.body
		if direction == 0 {
			got = a.header.Get("X-Got")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
		if l := a.header.Get("Content-Length"); l != "" && l != fmt.Sprint(len(a.body)) {
			t.Errorf("%s: Content-Length %s for %d bytes", command, l, len(a.body))
		}
	}
}

func changedBodies(s *suite) {
	s.check("B-12", 1, "writing to a buffer replaces it whole (0, all), prepends (0, 0) and appends (end, any)", func(t *testing.T) {
		for _, e := range edits() {
			edited(t, 0, e.command, e.want)
		}
	})
	s.check("B-13", 2, "writing to the middle of a buffer splices; with the profile envoy it is BAD_ARGUMENT", func(t *testing.T) {
		edited(t, 0, "setbuf %d 2 2 XYZ", "abXYZef")
		edited(t, 0, "setbuf %d 0 2 XYZ", "XYZcdef")
		envoy := func(s *plugin.Spec) { s.Profile = proxywasm.ProfileEnvoy }
		edited(t, 0, "setbuf %d 2 2 XYZ", "abcdef", envoy)
		edited(t, 0, "setbuf %d 0 2 XYZ", "XYZcdef", envoy)
	})
	s.check("B-14", 1, "writing nothing over the whole buffer empties the body", func(t *testing.T) {
		edited(t, 0, "setbuf %d 0 2147483647", "")
	})
	s.check("B-16", 1, "an unmodified Go SDK guest appends, prepends and replaces bodies", goSDKBodies)
	s.check("B-17", 1, "a changed request body reaches the backend whole, over h1, h2, h2c and h3, whatever length the plugin left", func(t *testing.T) {
		for _, c := range overCaddy(t, whole("request", "upper 0; setbuf 0 0 0 longer-"), readingBackend) {
			if a := c.do(t, "POST", "/", strings.NewReader("abc")); a.body != "length=10 longer-ABC" {
				t.Errorf("%s: the backend got %q", c.name, a.body)
			}
			if a := c.do(t, "POST", "/", chunked("abc")); !strings.HasSuffix(a.body, " longer-ABC") {
				t.Errorf("%s: the backend got %q", c.name, a.body)
			}
		}
	})
	s.check("B-18", 1, "a changed response body reaches the client whole and with a right length, over h1, h2, h2c and h3", func(t *testing.T) {
		for command, want := range map[string]string{"setbuf 1 0 99": "", "setbuf 1 0 99 x": "x", "setbuf 1 99 0 much-more": "abcdefmuch-more"} {
			for _, c := range overCaddy(t, whole("response", command), answering("abc", "def")) {
				a := c.do(t, "GET", "/", nil)
				if l := a.header.Get("Content-Length"); a.body != want || l != fmt.Sprint(len(want)) {
					t.Errorf("%s: %q with a Content-Length of %q, want %q", c.name, a.body, l, want)
				}
			}
		}
	})
}
