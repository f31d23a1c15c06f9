package datapath

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestH2load sends many requests at a time, without and with bodies, over nghttp2's client: all of them get a 200 with the whole body.
func TestH2load(t *testing.T) {
	t.Parallel()
	program := need(t, "h2load")
	g := start(t, throughAPlugin+upstream([]string{echoBackend(t)}))
	large := writeFile(t, strings.Repeat("sent and come back ", 5000))
	for _, c := range []struct{ name, url, flags string }{
		{"h1", "http://" + g.plain, "--h1 -c 20"},
		{"h1-tls", "https://" + g.secure, "--h1 -c 20"},
		{"h2c", "http://" + g.plain, "-c 4 -m 100"},
		{"h2", "https://" + g.secure, "-c 4 -m 100"},
		{"h2, one connection", "https://" + g.secure, "-c 1 -m 250"},
		{"h2c, a small window", "http://" + g.plain, "-c 2 -m 20 -w 10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const gets, posts = 2000, 300
			h2load(t, program, c.url, gets, gets*10*len(greeting), strings.Fields(c.flags)...)
			h2load(t, program, c.url, posts, posts*19*5000, append(strings.Fields(c.flags), "-d", large)...)
		})
	}
}

// h2load fails the test unless all requests succeed and bring so many bytes of bodies.
func h2load(t *testing.T, program, url string, requests, bytes int, flags ...string) {
	t.Helper()
	n := strconv.Itoa(requests)
	out, err := exec.Command(program, append(flags, "-n", n, url+"/")...).CombinedOutput()
	for _, want := range []string{
		n + " total, " + n + " started, " + n + " done, " + n + ` succeeded, 0 failed, 0 errored, 0 timeout`,
		"status codes: " + n + " 2xx, 0 3xx, 0 4xx, 0 5xx",
		`\(` + strconv.Itoa(bytes) + `\) data`,
	} {
		if err != nil || !regexp.MustCompile(want).Match(out) {
			t.Fatalf("%s: no %q, %v in\n%s", flags, want, err, out)
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
