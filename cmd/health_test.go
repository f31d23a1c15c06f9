package cmd

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	admin := http.NewServeMux()
	admin.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) })
	admin.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":503,"detail":"the gateway is starting"}`))
	})
	admin.HandleFunc("/bare", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	server := httptest.NewServer(admin)
	defer server.Close()
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = http.Serve(l, admin) }()
	defer l.Close()

	tcp := server.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(tcp)
	for _, c := range []struct{ address, path, out, failure string }{
		{tcp, "/health", `{"status":"ok"}`, ""},
		{":" + port, "/health", `{"status":"ok"}`, ""},
		{"unix/" + socket, "/health", `{"status":"ok"}`, ""},
		{tcp, "/ready", "", "the gateway is starting (503)"},
		{tcp, "/bare", "", "404 Not Found"},
		{"127.0.0.1:1", "/health", "", "is the gateway running"},
		{"no address", "/health", "", "write host:port"},
	} {
		var out bytes.Buffer
		err := askHealth(context.Background(), &out, c.address, c.path)
		if (err == nil) != (c.failure == "") || (err != nil && !strings.Contains(err.Error(), c.failure)) {
			t.Errorf("%s%s: %v, want %q", c.address, c.path, err, c.failure)
		}
		if got := strings.TrimSpace(out.String()); got != c.out {
			t.Errorf("%s%s prints %q, want %q", c.address, c.path, got, c.out)
		}
	}
}

func TestAdminAddress(t *testing.T) {
	for set, want := range map[string]string{"": "127.0.0.1:9091", ":9092": ":9092"} {
		if got := adminAddress(func(string) string { return set }); got != want {
			t.Errorf("LOOM_ADMIN=%s: %s, want %s", set, got, want)
		}
	}
}
