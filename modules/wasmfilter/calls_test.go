package wasmfilter_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// calling is a config whose probe calls something, waits for the answer and gives the request its status as x-order. What
// cannot be called is not waited for.
func calling(t *testing.T, name, allow, backend string) string {
	t.Helper()
	script := strings.Join([]string{
		`request_headers: http ` + name + ` :method=GET,:path=/,:authority=auth.test "" - 60000; return 1`,
		`http_call_response: get 6 :status; effective $stream; set 0 x-order $val; continue 0`,
	}, "\n")
	return moduletest.HTTP(
		`{"upstreams":{"auth":{"endpoints":[{"address":`+moduletest.Quote(backend)+`}]}},
		"plugins":{"asks":{"path":`+moduletest.Quote(probePath(t))+`,"config":`+moduletest.Quote(script)+`,
			"limits":{"pause_timeout":"100ms"},"allow":{"addresses":`+allow+`}}}}`,
		`{"handler":"loom_wasm","plugins":[{"name":"asks"}]}`, answer)
}

func authServer(t *testing.T) (address, port string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "yes")
	}))
	t.Cleanup(s.Close)
	address = strings.TrimPrefix(s.URL, "http://")
	_, port, _ = net.SplitHostPort(address)
	return address, port
}

// A plugin calls upstreams by name, and addresses that its config allows.
func TestPluginsCall(t *testing.T) {
	t.Parallel()
	address, port := authServer(t)
	for _, name := range []string{"auth", "outbound|443||auth.dns", address, "http://" + address, "outbound|" + port + "||127.0.0.1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := moduletest.Provision(t, strings.Replace(calling(t, name, moduletest.Quote([]string{address}), address), "100ms", "60s", 1)).Start()
			if status, body := get(t, c); status != 200 || !strings.HasPrefix(body, "202 ") {
				t.Errorf("%d %q\n%s", status, body, c.Logs())
			}
		})
	}
}

// Without allow.addresses a plugin reaches nothing but the upstreams, and the log says what is missing.
func TestPluginsCannotCallWhatTheyLike(t *testing.T) {
	t.Parallel()
	address, port := authServer(t)
	for _, name := range []string{address, "https://" + address, "outbound|" + port + "||127.0.0.1", "http://169.254.169.254"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := moduletest.Provision(t, calling(t, name, "[]", address)).Start()
			if status, body := get(t, c); status != 504 || strings.Contains(body, "202") {
				t.Errorf("%d %q", status, body)
			}
			for _, part := range []string{"BAD_ARGUMENT", "the plugin may not call that", "allow.addresses"} {
				if !strings.Contains(c.Logs(), part) {
					t.Errorf("the log does not say %q:\n%s", part, c.Logs())
				}
			}
		})
	}
}
