package datapath

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// TestWebSocketThroughAPlugin sends messages of every size both ways, on plain listeners and over TLS.
func TestWebSocketThroughAPlugin(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(-1)
		for {
			kind, data, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, data) != nil {
				return
			}
		}
	}))
	t.Cleanup(backend.Close)
	g := start(t, throughAPlugin+upstream([]string{backend.Listener.Addr().String()}))
	for _, name := range []string{"h1", "h1-tls"} {
		for _, compression := range []websocket.CompressionMode{websocket.CompressionDisabled, websocket.CompressionContextTakeover} {
			c := g.client(t, name)
			conn, res, err := websocket.Dial(t.Context(), c.url+"/", &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: c.RoundTripper}, CompressionMode: compression,
			})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if res.Header.Get("RateLimit-Limit") == "" {
				t.Errorf("%s: the plugin has not seen the response: %v", name, res.Header)
			}
			conn.SetReadLimit(-1)
			for _, size := range []int{0, 1, 125, 126, 4 << 10, 65535, 65536, 1 << 20} {
				sent := bytes.Repeat([]byte("x"), size)
				if err := conn.Write(t.Context(), websocket.MessageBinary, sent); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if _, got, err := conn.Read(t.Context()); err != nil || !bytes.Equal(got, sent) {
					t.Fatalf("%s: %d bytes came back of %d, %v", name, len(got), size, err)
				}
			}
			if err := conn.Close(websocket.StatusNormalClosure, "done"); err != nil {
				t.Errorf("%s: closing: %v", name, err)
			}
		}
	}
}
