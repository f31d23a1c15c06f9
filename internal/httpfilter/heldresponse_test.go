package httpfilter

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

// reading is the answer to a GET, line by line.
func reading(t *testing.T, g *gateway) *bufio.Scanner {
	t.Helper()
	res, err := g.Client().Get(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return bufio.NewScanner(res.Body)
}

func next(lines *bufio.Scanner) string {
	lines.Scan()
	return lines.Text()
}

// A tick may let go of a response while the backend is silent.
func TestReleaseWhileTheBackendIsSilent(t *testing.T) {
	seen := make(chan struct{})
	g := serve(t, "response_body#1: tick 10; return 1\nresponse_body: upper 1\ntick: effective $stream; upper 1; continue 1; tick 0",
		func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "held\n")
			<-seen
			_, _ = io.WriteString(w, "after\n")
		})
	lines := reading(t, g)
	if first := next(lines); first != "HELD" {
		t.Errorf("first line %q", first)
	}
	close(seen)
	if second := next(lines); second != "AFTER" {
		t.Errorf("second line %q", second)
	}
}

// A plugin that holds the backend's events may send its own meanwhile, from any callback (Higress).
func TestInject(t *testing.T) {
	const inject = `foreign inject_encoded_data_to_filter_chain_on_header`
	seen := make(chan struct{})
	g := serve(t, strings.Join([]string{
		`response_headers: ` + inject + ` "\x0a\x05head\n"`,
		`response_body#1: tick 10; ` + inject + ` "\x0a\x05body\n"; return 3`,
		`response_body: return 0`,
		`tick: effective $stream; ` + inject + ` "\x0a\x05tick\n"; continue 1; tick 0`,
	}, "\n"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "14")
		_, _ = io.WriteString(w, "taken\n")
		<-seen
		_, _ = io.WriteString(w, "kept...\n")
	})
	lines := reading(t, g)
	for _, want := range []string{"head", "body", "tick"} {
		if got := next(lines); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	close(seen)
	if last := next(lines); last != "kept..." {
		t.Errorf("last line %q", last)
	}
}

// What a plugin injects may be the end: the rest of the backend's answer is dropped.
func TestInjectTheEnd(t *testing.T) {
	g := serve(t, `response_body: foreign inject_encoded_data_to_filter_chain "\x0a\x04all\n\x10\x01"; return 3`,
		func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				_, _ = io.WriteString(w, "more\n")
			}
		})
	if a := g.do(t, "GET", "/", nil); a.body != "all\n" {
		t.Errorf("body %q", a.body)
	}
	if n := g.count("> response_body"); n != 1 {
		t.Errorf("%d body callbacks", n)
	}
	bad := serve(t, `request_headers: foreign inject_encoded_data_to_filter_chain "\xff"; foreign inject_encoded_data_to_filter_chain "\x18\x01\x0a\x01"`, echo)
	bad.do(t, "GET", "/", nil)
	bad.logged(t, "  foreign inject_encoded_data_to_filter_chain")
}

// Back-pressure instead of an error: at the limit the backend is not read until the plugin continues.
func TestWatermark(t *testing.T) {
	small := strings.Repeat("x", 2000)
	g := serve(t, "response_body#2: tick 10; return 2\nresponse_body: return 2\ntick: effective $stream; continue 1; tick 10", func(w http.ResponseWriter, _ *http.Request) {
		for range 20 {
			_, _ = io.WriteString(w, small)
		}
	}, bodyLimit(5000))
	if a := g.do(t, "GET", "/", nil); a.body != strings.Repeat(small, 20) {
		t.Errorf("%d: %d bytes", a.status, len(a.body))
	}
	up := serve(t, "request_body#2: tick 10; return 2\nrequest_body: return 2\ntick: effective $stream; continue 0; tick 10", echo, bodyLimit(20<<10))
	if a := up.do(t, "POST", "/", struct{ io.Reader }{strings.NewReader(strings.Repeat(small, 20))}); !strings.HasSuffix(a.body, strings.Repeat(small, 20)) {
		t.Errorf("%d: %d bytes", a.status, len(a.body))
	}
}

func bodyLimit(bytes int64) func(*plugin.Spec) { return func(s *plugin.Spec) { s.BodyLimit = bytes } }
