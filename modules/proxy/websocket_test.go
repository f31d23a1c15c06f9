package proxy_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// echo answers each WebSocket message with the same.
func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	for {
		kind, data, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		if err := conn.Write(r.Context(), kind, data); err != nil {
			return
		}
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"http":         loom("http", backend(t, echo)),
		"h2c upstream": loom("h2c", h2cBackend(t, echo)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := `{"handler": "loom_proxy", "upstream": "backend", "timeout": "200ms"}`
			c := moduletest.Provision(t, moduletest.HTTP(config, handler)).Start()
			conn := dialWebSocket(t, c.URL(""))
			talk(t, conn, "short")
			conn.SetReadLimit(1 << 21)
			talk(t, conn, strings.Repeat("long", 1<<18))
			pause(t) // beyond the route's timeout, from which upgrades are exempt
			talk(t, conn, "still there")
			if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
}

// TestWebSocketRefused passes the backend's refusal on.
func TestWebSocketRefused(t *testing.T) {
	t.Parallel()
	c := gateway(t, backend(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }))
	_, res, err := websocket.Dial(t.Context(), c.URL(""), nil)
	if err == nil || res == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("answer %v, error %v", res, err)
	}
}

func dialWebSocket(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

func talk(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	_, data, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != text {
		t.Errorf("echo of %d bytes for %d", len(data), len(text))
	}
}
