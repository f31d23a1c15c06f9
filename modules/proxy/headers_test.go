package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// raw sends a request byte for byte and reads the answer.
func raw(t *testing.T, addr, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestRequestHeaders says what the backend sees of a client's headers. "-" stands for an absent header.
func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	c := gateway(t, backend(t, func(_ http.ResponseWriter, r *http.Request) {
		r.Header.Set("Host", r.Host)
		seen <- r.Header
	}))
	for name, test := range map[string]struct {
		sent string
		want map[string]string
	}{
		"end to end":           {"X-Mine: 1\r\nX-Mine: 2\r\nAuthorization: Bearer x\r\n", map[string]string{"X-Mine": "1,2", "Authorization": "Bearer x", "Host": "example.com"}},
		"a question to Loom":   {"Loom-Debug: 1\r\n", map[string]string{"Loom-Debug": "-"}},
		"hop by hop":           {"Keep-Alive: 5\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nTE: gzip\r\nUpgrade: x\r\n", map[string]string{"Keep-Alive": "-", "Proxy-Connection": "-", "Proxy-Authorization": "-", "Te": "-", "Upgrade": "-"}},
		"named by Connection":  {"Connection: close, X-Mine\r\nX-Mine: 1\r\n", map[string]string{"X-Mine": "-", "Connection": "-"}},
		"TE trailers stays":    {"TE: trailers, gzip\r\n", map[string]string{"Te": "trailers"}},
		"no compression added": {"", map[string]string{"Accept-Encoding": "-"}},
		"compression passes":   {"Accept-Encoding: br\r\n", map[string]string{"Accept-Encoding": "br"}},
		"no user agent added":  {"", map[string]string{"User-Agent": "-"}},
		"forwarded is ours":    {"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n", map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "example.com", "X-Forwarded-Proto": "http"}},
		"forwarded survives":   {"Connection: close, X-Forwarded-For\r\nX-Forwarded-For: 6.6.6.6\r\n", map[string]string{"X-Forwarded-For": "127.0.0.1"}},
		"underscores dropped":  {"X_Forwarded_For: 6.6.6.6\r\n", map[string]string{"X_forwarded_for": "-", "X-Forwarded-For": "127.0.0.1"}},
	} {
		res := raw(t, c.Addr(""), "GET / HTTP/1.1\r\nHost: example.com\r\n"+test.sent+"\r\n")
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", name, res.StatusCode)
		}
		compareHeaders(t, name, within(t, "request at the backend", seen), test.want)
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	to := loom("http", backend(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	c := moduletest.Provision(t, moduletest.Server(to, `{
		"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true},
		"trusted_proxies": {"source": "static", "ranges": ["127.0.0.0/8"]},
		"routes": [{"handle": [`+toBackend+`]}]}`)).Start()
	raw(t, c.Addr(""), "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n\r\n")
	compareHeaders(t, "trusted peer", within(t, "request at the backend", seen), map[string]string{
		"X-Forwarded-For": "9.9.9.9, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "b",
	})
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	c := gateway(t, rawBackend(t, "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nConnection: close, X-Other\r\nX-Other: 1\r\nKeep-Alive: 5\r\n"+
		"Proxy-Authenticate: x\r\nX-Mine: 1\r\nX-Mine: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok"))
	res, text := get(t, c.URL(""))
	if text != "ok" {
		t.Errorf("body = %q", text)
	}
	compareHeaders(t, "response", res.Header, map[string]string{
		"X-Hop": "-", "X-Other": "-", "Keep-Alive": "-", "Proxy-Authenticate": "-", "X-Mine": "1,2", "Set-Cookie": "a=1,b=2", "Connection": "-",
	})
}

// TestAliasesOfIdentity has no other spelling of what the gateway says about the client pass, even where such names may.
func TestAliasesOfIdentity(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		seen := make(chan http.Header, 1)
		address := strings.TrimPrefix(backend(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }), "http://")
		to := fmt.Sprintf(`{"upstreams": {"backend": {"endpoints": [{"address": %q}], "transport": {"engine": %q}}}}`, address, engine)
		c := moduletest.Provision(t, moduletest.Server(to, `{
			"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true},
			"expected_underscore_headers": ["X_*"], "expected_dot_headers": ["X.*"],
			"routes": [{"handle": [`+toBackend+`]}]}`)).Start()
		raw(t, c.Addr(""), "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 6.6.6.6\r\nX.Forwarded.Proto: https\r\nX_Mine: 1\r\n\r\n")
		compareHeaders(t, engine, within(t, "request at the backend", seen), map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X_forwarded_for": "-", "X.forwarded.proto": "-", "X_mine": "1",
		})
	}
}

// rawBackend answers every connection's first request with the bytes, and closes it.
func rawBackend(t *testing.T, response string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					fmt.Fprint(conn, response)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func compareHeaders(t *testing.T, name string, got http.Header, want map[string]string) {
	t.Helper()
	for key, value := range want {
		values, present := got[key]
		if value == "-" {
			if present {
				t.Errorf("%s: %s is %q, want none", name, key, values)
			}
			continue
		}
		if !slices.Equal(values, strings.Split(value, ",")) && strings.Join(values, ",") != value {
			t.Errorf("%s: %s is %q, want %q", name, key, values, value)
		}
	}
}

// TestAmbiguousFraming has requests that two servers may read differently refused before a backend sees them.
func TestAmbiguousFraming(t *testing.T) {
	t.Parallel()
	c := gateway(t, backend(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the backend got %s %s", r.Method, r.URL)
	}))
	for name, head := range map[string]string{
		"two lengths":         "Content-Length: 1\r\nContent-Length: 2\r\n",
		"unknown coding":      "Transfer-Encoding: xchunked\r\n",
		"negative length":     "Content-Length: -1\r\n",
		"space in field name": "Content-Length : 1\r\n",
		"no field name":       "\x00: x\r\n",
	} {
		res := raw(t, c.Addr(""), "POST / HTTP/1.1\r\nHost: a\r\n"+head+"\r\nab")
		if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusNotImplemented {
			t.Errorf("%s: status %d", name, res.StatusCode)
		}
	}
}

func TestPlaceholdersInClientDataStay(t *testing.T) {
	t.Parallel()
	c := gateway(t, backend(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.RawQuery+" "+r.Header.Get("X-Mine"))
	}))
	r := httptest.NewRequest(http.MethodGet, "/?q={env.HOME}", nil)
	r.Header.Set("X-Mine", "{env.PATH}")
	if got := body(t, c.Serve(r)); got != "q={env.HOME} {env.PATH}" {
		t.Errorf("the backend got %q", got)
	}
}
