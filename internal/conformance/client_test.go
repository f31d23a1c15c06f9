package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// echo answers with what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("X-Backend", "yes")
	_, _ = fmt.Fprintf(w, "%s %s host=%s x-a=%q length=%d body=%s", r.Method, r.RequestURI, r.Host, r.Header["X-A"], r.ContentLength, body)
}

type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
}

// do sends a request with the headers name, value, name, value …
func (g *gateway) do(t *testing.T, method, path string, body io.Reader, header ...string) answer {
	t.Helper()
	a, err := g.try(method, path, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// try is do for exchanges that may be cut.
func (g *gateway) try(method, path string, body io.Reader, header ...string) (answer, error) {
	return exchange(g.Client(), method, g.URL+path, body, header...)
}

// exchange sends a request and reads the whole answer. Trailers are the headers that begin with http.TrailerPrefix.
func exchange(client *http.Client, method, url string, body io.Reader, header ...string) (answer, error) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		if name, ok := strings.CutPrefix(header[i], http.TrailerPrefix); ok {
			if req.Trailer == nil {
				req.Trailer = http.Header{}
			}
			req.Trailer.Add(name, header[i+1])
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, res.Trailer, string(data)}, err
}

// log lists what the probes wrote, without the prefix.
func (g *gateway) log() []string {
	var list []string
	for _, e := range g.logs.All() {
		if line, ok := strings.CutPrefix(e.Message, "probe: "); ok {
			list = append(list, line)
		}
	}
	return list
}

// find lists the probes' lines that begin so.
func (g *gateway) find(prefix string) []string {
	var list []string
	for _, line := range g.log() {
		if strings.HasPrefix(line, prefix) {
			list = append(list, line)
		}
	}
	return list
}

// want fails without a probe's line that begins so.
func (g *gateway) want(t *testing.T, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		if len(g.find(prefix)) == 0 {
			t.Errorf("no line %q in the guest's log:\n%s", prefix, strings.Join(g.log(), "\n"))
		}
	}
}

// wantNot fails with a probe's line that begins so.
func (g *gateway) wantNot(t *testing.T, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		if found := g.find(prefix); len(found) > 0 {
			t.Errorf("the guest's log has %q", found)
		}
	}
}

// await waits for n lines of the probe that begin so.
func (g *gateway) await(t *testing.T, n int, prefix string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d lines %q in the guest's log", n, prefix), func() bool { return len(g.find(prefix)) >= n })
}

// ended waits for the end of n exchanges.
func (g *gateway) ended(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-g.errors:
		case <-time.After(patience):
			t.Fatal("the exchange does not end")
		}
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
