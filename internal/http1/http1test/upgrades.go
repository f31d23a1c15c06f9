package http1test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// switched makes a tunnel through the engine to a backend that follows a script when it has switched.
func switched(t *testing.T, e Engine, script func(*Conn)) io.ReadWriteCloser {
	t.Helper()
	b := startBackend(t, func(conn *Conn) {
		req := conn.ReadHead()
		if req == nil || !strings.EqualFold(req.Header.Get("Connection"), "upgrade") || req.Header.Get("Upgrade") != "echo" {
			t.Errorf("the backend got %v", req)
			return
		}
		conn.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nwelcome")
		script(conn)
		_ = conn.Close()
	})
	req := b.request(t, http.MethodGet, "/", nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	res, err := e.To(t, b.Address).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	tunnel, ok := res.Body.(io.ReadWriteCloser)
	if res.StatusCode != http.StatusSwitchingProtocols || !ok || res.Header.Get("Upgrade") != "echo" {
		res.Body.Close()
		t.Fatalf("status %d, header %v, writable %v", res.StatusCode, res.Header, ok)
	}
	t.Cleanup(func() { tunnel.Close() })
	if got := readN(t, tunnel, len("welcome")); got != "welcome" {
		t.Fatalf("the tunnel says %q", got)
	}
	return tunnel
}

func readN(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		t.Error(err)
	}
	return string(data)
}

func upgrade(t *testing.T, e Engine) {
	gone := make(chan struct{})
	tunnel := switched(t, e, func(conn *Conn) {
		_, _ = io.Copy(conn, conn.Reader)
		close(gone)
	})
	for _, text := range []string{"hello", strings.Repeat("x", 100<<10)} {
		go func() { _, _ = io.WriteString(tunnel, text) }()
		if got := readN(t, tunnel, len(text)); got != text {
			t.Errorf("echo %.20q for %.20q", got, text)
		}
	}
	tunnel.Close()
	await(t, "the end at the backend", gone)
}

// halfClosed closes the way to the backend, which then sends the rest.
func halfClosed(t *testing.T, e Engine) {
	tunnel := switched(t, e, func(conn *Conn) {
		data, _ := io.ReadAll(conn.Reader)
		conn.Send("got " + string(data))
	})
	half, ok := tunnel.(interface{ CloseWrite() error })
	if !ok && e.Name == Loom {
		t.Fatal("the tunnel cannot be closed in one direction")
	}
	if !ok {
		t.Skip("this engine's tunnels cannot be closed in one direction")
	}
	_, _ = io.WriteString(tunnel, "all")
	if err := half.CloseWrite(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(tunnel); err != nil || string(rest) != "got all" {
		t.Errorf("rest %q, error %v", rest, err)
	}
}
