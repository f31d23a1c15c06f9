package datapath

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sees is a backend that tells what it was sent, fields and trailers, line by line.
func sees(t testing.TB, protocol string) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		var lines []string
		for what, fields := range map[string]http.Header{"": r.Header, "trailer ": r.Trailer} {
			for name, values := range fields {
				lines = append(lines, what+name+": "+strings.Join(values, "|"))
			}
		}
		slices.Sort(lines)
		_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n")
	}))
	if protocol == "h2c" {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
	}
	s.Config.MaxHeaderBytes = 1 << 20
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestClientsCannotSpeakForProxies sends the fields by which a proxy tells who the client is, in every spelling, as fields and as
// trailers. The backend hears of the gateway's own only.
func TestClientsCannotSpeakForProxies(t *testing.T) {
	t.Parallel()
	names := []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-User",
		"X-Forwarded-Client-Cert", "X-Real-IP", "Forwarded", "X_Forwarded_For", "X.Forwarded.For", "X_Real_IP", "x-forwarded_for",
	}
	for _, protocol := range []string{"http", "h2c"} {
		g := start(t, toBackend+upstream([]string{sees(t, protocol)}, "protocol: "+protocol))
		g.each(t, func(t *testing.T, c client) {
			req := c.request(t, http.MethodPost, "/", strings.NewReader("x"))
			req.ContentLength, req.Trailer = -1, http.Header{"X-Sum": {"7"}}
			for _, name := range names {
				req.Header[name] = []string{"6.6.6.6", "evil"}
				req.Trailer[http.CanonicalHeaderKey(name)] = []string{"6.6.6.6"}
			}
			_, got := c.send(t, req)
			if strings.Contains(got, "6.6.6.6") || strings.Contains(got, "evil") {
				t.Errorf("to %s, the backend sees\n%s", protocol, got)
			}
			sum := "trailer X-Sum: 7\n"
			if c.name == "h3" { // its values do not reach Caddy's handlers
				sum = "trailer X-Sum: \n"
			}
			if !strings.Contains(got, "X-Forwarded-For: 127.0.0.1\n") || !strings.Contains(got, sum) || strings.Count(got, "trailer ") > 1 {
				t.Errorf("to %s, something is missing:\n%s", protocol, got)
			}
		})
	}
}

// TestTrustedProxiesSpeak lets the same fields of a proxy that is trusted pass.
func TestTrustedProxiesSpeak(t *testing.T) {
	t.Parallel()
	g := start(t, toBackend+upstream([]string{sees(t, "http")}), "trusted_proxies: [127.0.0.1]")
	g.each(t, func(t *testing.T, c client) {
		_, got := c.do(t, http.MethodGet, "/", nil, "X-Forwarded-For", "9.9.9.9", "X-Forwarded-Port", "8443", "X-Real-IP", "9.9.9.9",
			"Forwarded", "for=9.9.9.9", "X-Forwarded-Proto", "https")
		for _, want := range []string{
			"X-Forwarded-For: 9.9.9.9, 127.0.0.1\n", "X-Forwarded-Port: 8443\n", "X-Real-Ip: 9.9.9.9\n", "Forwarded: for=9.9.9.9\n", "X-Forwarded-Proto: https\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%q is missing:\n%s", want, got)
			}
		}
	})
}

// TestConnectionNamesNothingOfOurs has a client name in Connection what the gateway and a plugin set for the backend.
func TestConnectionNamesNothingOfOurs(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs("../../plugins")
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, `
routes: [{path: "/*", upstream: backend, plugins: [header-rewrite]}]
plugins:
  - {name: header-rewrite, path: `+folder+`/header-rewrite/header-rewrite.wasm, config: "request set x-user ada\nrequest set x-forwarded-prefix /v1"}
`+upstream([]string{sees(t, "http")}))
	conn := dial(t, g.plain, false)
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nX-User: eve\r\nX-Mine: 1\r\n"+
		"Connection: close, X-User, x-forwarded-for, X-Forwarded-Prefix, Via, X-Mine, Host\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	got := string(data)
	for _, want := range []string{"X-User: ada\n", "X-Forwarded-For: 127.0.0.1\n", "X-Forwarded-Prefix: /v1\n", "Via: 1.1 Caddy\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing (error %v):\n%s", want, err, got)
		}
	}
	if strings.Contains(got, "X-Mine") || strings.Contains(got, "\nConnection") {
		t.Errorf("what the client meant for the gateway has passed:\n%s", got)
	}
}

// TestLargeHeads has heads of 64 KiB pass both ways where the configuration says so, and be refused where it does not.
func TestLargeHeads(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 64<<10)
	mirror := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Large", r.Header.Get("X-Large"))
	}))
	mirror.Config.MaxHeaderBytes = 1 << 20
	mirror.Start()
	t.Cleanup(mirror.Close)
	endpoint := []string{mirror.Listener.Addr().String()}
	start(t, toBackend+upstream(endpoint, "transport: {max_response_header: 128KiB}"), "max_header_size: 128KiB").each(t, func(t *testing.T, c client) {
		res, _ := c.do(t, http.MethodGet, "/", nil, "X-Large", large)
		if res.StatusCode != http.StatusOK || res.Header.Get("X-Large") != large {
			t.Errorf("%d with %d bytes back", res.StatusCode, len(res.Header.Get("X-Large")))
		}
	})
	start(t, toBackend+upstream(endpoint)).each(t, func(t *testing.T, c client) {
		res, err := c.RoundTrip(c.request(t, http.MethodGet, "/", nil, "X-Large", large))
		if err != nil {
			return // HTTP/2 and HTTP/3 may break the stream off
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a head of 64 KiB, where none was permitted: %d", res.StatusCode)
		}
	})
	start(t, toBackend+upstream(endpoint, "transport: {max_response_header: 32KiB}"), "max_header_size: 128KiB").each(t, func(t *testing.T, c client) {
		if res, _ := c.do(t, http.MethodGet, "/", nil, "X-Large", large); res.StatusCode != http.StatusBadGateway {
			t.Errorf("a response's head beyond its limit: %d", res.StatusCode)
		}
	})
}
