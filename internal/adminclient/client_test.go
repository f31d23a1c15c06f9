package adminclient

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestErrorsTeach(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	problem := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"status": 403, "title": "Forbidden", "detail": "host is not allowed"}`))
	}))
	defer problem.Close()
	text := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	defer text.Close()
	for _, test := range []struct{ address, want string }{
		{closed.URL, "connection refused: is the gateway running, with `admin` enabled"},
		{"unix/" + filepath.Join(t.TempDir(), "none.sock"), "no such file or directory: is the gateway running"},
		{other.URL, "404 Not Found: is this the admin API of Loom"},
		{problem.URL, "host is not allowed (403)"},
		{text.URL, "is not the admin API's: is this another port?"},
	} {
		c, err := New(test.address, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Routes(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.address, err)
		}
	}
	for _, address := range []string{"", "ftp://x", "http://", "a b"} {
		if _, err := New(address, ""); err == nil {
			t.Errorf("address %q was taken", address)
		}
	}
}

// The token goes to the gateway, and not where it might send the client.
func TestTokenStays(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed with %v", r.Header)
	}))
	defer elsewhere.Close()
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 2)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Authorization")
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	})}
	go func() { _ = s.Serve(l) }()
	defer s.Close()
	c, err := New("unix/"+path, "secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Raw(t.Context(), "/info"); err == nil {
		t.Error("a redirect is an answer")
	}
	if token := <-got; token != "Bearer secret" {
		t.Errorf("Authorization %q", token)
	}
}

// The proxy of the environment is for the world outside, and not for the gateway next door.
func TestTakesNoProxy(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:9091", "https://admin.example", "unix//run/loom.sock"} {
		c, err := New(address, "")
		if err != nil {
			t.Fatal(err)
		}
		if c.http.Transport.(*http.Transport).Proxy != nil {
			t.Errorf("%s: the proxy of the environment is asked", address)
		}
	}
}
