package datapath

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/loom-gateway/loom/internal/rawbackend"
)

// tunnel opens an upgraded connection over HTTP/1.1 to a backend that follows a script when it has switched.
func tunnel(t *testing.T, g *gateway, secure bool) (halfCloser, *bufio.Reader) {
	t.Helper()
	address := g.plain
	if secure {
		address = g.secure
	}
	conn := dial(t, address, secure)
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res.Status)
	}
	return conn.(halfCloser), reader
}

type halfCloser interface {
	io.ReadWriter
	CloseWrite() error
}

// switches is a backend that upgrades, and then does what it is told.
func switches(t *testing.T, then func(*rawbackend.Conn)) string {
	t.Helper()
	return rawbackend.Start(t, func(_ int, conn *rawbackend.Conn) {
		if req := conn.ReadHead(); req == nil || !strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
			return
		}
		conn.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")
		then(conn)
	}).Address
}

// TestHalfClosedByClient has a client end its direction of a WebSocket: the backend hears of it, and what it still sends arrives.
func TestHalfClosedByClient(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		g := start(t, toBackend+upstream([]string{switches(t, func(conn *rawbackend.Conn) {
			data, _ := io.ReadAll(conn.Reader)
			conn.Send("got " + string(data) + strings.Repeat("x", 100_000))
		})}, "transport: {engine: "+engine+"}"))
		for _, secure := range []bool{false, true} {
			conn, reader := tunnel(t, g, secure)
			_, _ = io.WriteString(conn, "all")
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(reader); err != nil || string(data) != "got all"+strings.Repeat("x", 100_000) {
				t.Errorf("%s, TLS %v: the client gets %d bytes, %.20q, error %v", engine, secure, len(data), data, err)
			}
		}
	}
}

// TestHalfClosedByBackend has a backend end its direction: the client hears of it, and what it still sends arrives. (Over TLS the
// backend's end is the end of the connection.)
func TestHalfClosedByBackend(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"loom", "stock"} {
		got := make(chan string, 1)
		g := start(t, toBackend+upstream([]string{switches(t, func(conn *rawbackend.Conn) {
			conn.Send("bye")
			_ = conn.Conn.(interface{ CloseWrite() error }).CloseWrite()
			data, _ := io.ReadAll(conn.Reader)
			got <- string(data)
		})}, "transport: {engine: "+engine+"}"))
		conn, reader := tunnel(t, g, false)
		if data, err := io.ReadAll(reader); err != nil || string(data) != "bye" {
			t.Fatalf("%s: the client gets %q, error %v", engine, data, err)
		}
		_, _ = io.WriteString(conn, "still here")
		_ = conn.CloseWrite()
		if data := within(t, "the end at the backend", got); data != "still here" {
			t.Errorf("%s: the backend gets %q", engine, data)
		}
	}
}

// TestWebSocketMessages has a real client and a real server exchange messages of all sizes, and close.
func TestWebSocketMessages(t *testing.T) {
	t.Parallel()
	server := serve(t, false, false, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
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
	})
	g := start(t, toBackend+upstream([]string{server}))
	conn, _, err := websocket.Dial(t.Context(), "http://"+g.plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(-1)
	for _, size := range []int{0, 1, 125, 126, 65_536, 1 << 20} {
		text := strings.Repeat("x", size)
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, data, err := conn.Read(t.Context()); err != nil || string(data) != text {
			t.Errorf("%d bytes: %d came back, error %v", size, len(data), err)
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// TestExtendedConnect is a WebSocket over HTTP/2 (RFC 8441) to a backend that knows HTTP/1.1. Go has it off by default: TestMain
// switches it on. The client's END_STREAM ends one direction; the backend's end ends the stream, for a handler of net/http
// cannot end one direction only.
func TestExtendedConnect(t *testing.T) {
	t.Parallel()
	g := start(t, toBackend+upstream([]string{switches(t, func(conn *rawbackend.Conn) {
		conn.Send("welcome")
		data, _ := io.ReadAll(conn.Reader)
		conn.Send(" got " + string(data))
	})}))
	for _, secure := range []bool{false, true} {
		f := g.frames(t, secure)
		id := f.open(false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "a", ":path", "/",
			"sec-websocket-version", "13")
		f.must(f.WriteData(id, false, []byte("all ")))
		f.must(f.WriteData(id, true, []byte("of it")))
		got := f.answer(id)
		if got.status != "200" || got.body != "welcome got all of it" || !got.ended {
			t.Errorf("TLS %v: %s %q, ended %v", secure, got.status, got.body, got.ended)
		}
	}
}
