package websocket_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/net/http2"

	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/middleware/websocket"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
)

// gateway is a running Loom with the policy in front of a backend that echoes, which tells how its connections ended.
func gateway(t *testing.T, settings string) (*moduletest.Caddy, <-chan websocket.StatusCode) {
	t.Helper()
	ends := make(chan websocket.StatusCode, 10)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(-1)
		for {
			kind, data, err := conn.Read(r.Context())
			if err != nil {
				ends <- websocket.CloseStatus(err)
				return
			}
			if err := conn.Write(r.Context(), kind, data); err != nil {
				return
			}
		}
	}))
	t.Cleanup(backend.Close)
	return moduletest.Provision(t, moduletest.HTTP(
		`{"upstreams":{"b":{"endpoints":[{"address":"`+strings.TrimPrefix(backend.URL, "http://")+`"}]}}}`,
		`{"handler":"loom_router","middleware":[{"handler":"loom_websocket"`+settings+`}],"routes":[
			{"id":"page","paths":["/page"],"handle":[{"handler":"static_response","body":"a page"}]},
			{"id":"echo","handle":[{"handler":"loom_proxy","upstream":"b"}]}]}`)).Start(), ends
}

// dial opens a WebSocket, and returns the status of the answer.
func dial(t *testing.T, c *moduletest.Caddy, origin string) (*websocket.Conn, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	options := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if origin != "" {
		options.HTTPHeader.Set("Origin", origin)
	}
	conn, res, err := websocket.Dial(ctx, c.URL("")+"/ws", options)
	if res == nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Cleanup(func() { conn.CloseNow() })
		conn.SetReadLimit(-1)
	}
	return conn, res.StatusCode
}

func TestWhoMayOpen(t *testing.T) {
	t.Parallel()
	const some = `,"origins":["self","https://*.a.test"]`
	for name, test := range map[string]struct {
		settings, origin string
		status           int
	}{
		"all":                  {``, "https://evil.test", 101},
		"denied":               {`,"deny":true`, "", 403},
		"a page that may":      {some, "https://x.a.test", 101},
		"a page that may not":  {some, "https://evil.test", 403},
		"a name that ends so":  {some, "https://evila.test", 403},
		"a sandboxed page":     {some, "null", 403},
		"a page of the host":   {some, "self", 101},
		"no page":              {some, "", 101},
		"self alone, a page":   {`,"origins":["self"]`, "https://a.test", 403},
		"all, and with limits": {`,"origins":["*"],"max_message":10`, "https://evil.test", 101},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := gateway(t, test.settings)
			if test.origin == "self" {
				test.origin = c.URL("")
			}
			if _, status := dial(t, c, test.origin); status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			res, err := http.Get(c.URL("") + "/page")
			if err != nil {
				t.Fatal(err)
			}
			if _ = res.Body.Close(); res.StatusCode != 200 {
				t.Errorf("a page has status %d", res.StatusCode)
			}
		})
	}
}

func TestMaxMessage(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(context.Context, *websocket.Conn) error{
		"in one frame": func(ctx context.Context, conn *websocket.Conn) error {
			return conn.Write(ctx, websocket.MessageBinary, make([]byte, 1001))
		},
		"huge": func(ctx context.Context, conn *websocket.Conn) error {
			return conn.Write(ctx, websocket.MessageBinary, make([]byte, 8<<20))
		},
		"in parts": func(ctx context.Context, conn *websocket.Conn) error {
			w, err := conn.Writer(ctx, websocket.MessageText)
			for range 100 {
				if err == nil {
					_, err = io.WriteString(w, strings.Repeat("x", 100))
				}
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, ends := gateway(t, `,"max_message":1000`)
			conn, _ := dial(t, c, "")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for range 3 {
				if err := conn.Write(ctx, websocket.MessageBinary, make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
				if _, data, err := conn.Read(ctx); err != nil || len(data) != 1000 {
					t.Fatalf("echo of %d bytes, %v", len(data), err)
				}
			}
			go func() { _ = send(ctx, conn) }() // it may fail: nobody takes it
			if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
				t.Errorf("the client sees %v", err)
			}
			if status := <-ends; status != websocket.StatusMessageTooBig {
				t.Errorf("the backend sees %d", status)
			}
		})
	}
}

func TestIdleConnection(t *testing.T) {
	t.Parallel()
	c, ends := gateway(t, `,"idle_timeout":"200ms"`)
	conn, _ := dial(t, c, "")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the client sees %v", err)
	}
	if status := <-ends; status != websocket.StatusGoingAway {
		t.Errorf("the backend sees %d", status)
	}
}

// WebSockets over HTTP/2 are off in Go unless the environment says otherwise as the process starts, so the test starts another.
func TestOverHTTP2(t *testing.T) {
	if os.Getenv("GODEBUG") != "http2xconnect=1" {
		again := exec.Command(os.Args[0], "-test.run=^TestOverHTTP2$", "-test.v")
		again.Env = append(os.Environ(), "GODEBUG=http2xconnect=1")
		if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestOverHTTP2/idle") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	t.Run("denied", func(t *testing.T) {
		c, _ := gateway(t, `,"deny":true`)
		if s := connect(t, c, ""); s.status != 403 {
			t.Errorf("status %d", s.status)
		}
	})
	t.Run("a page that may not", func(t *testing.T) {
		c, _ := gateway(t, `,"origins":["https://a.test"]`)
		if s := connect(t, c, "https://evil.test"); s.status != 403 {
			t.Errorf("status %d", s.status)
		}
	})
	t.Run("too long", func(t *testing.T) {
		c, ends := gateway(t, `,"max_message":5`)
		s := connect(t, c, "")
		s.send(t, 0x81, 5)
		s.expect(t, "\x81\x05aaaaa")
		s.send(t, 0x81, 6)
		s.expect(t, "\x88\x18\x03\xf1the message is too big")
		if status := <-ends; status != websocket.StatusMessageTooBig {
			t.Errorf("the backend sees %d", status)
		}
	})
	t.Run("idle", func(t *testing.T) {
		c, ends := gateway(t, `,"idle_timeout":"200ms"`)
		connect(t, c, "").expect(t, "\x88\x19\x03\xe9the connection was idle")
		if status := <-ends; status != websocket.StatusGoingAway {
			t.Errorf("the backend sees %d", status)
		}
	})
}

// stream is a WebSocket over HTTP/2.
type stream struct {
	status int
	to     *io.PipeWriter
	from   io.Reader
}

//nolint:staticcheck // net/http's own transport cannot ask for an extended CONNECT
func connect(t *testing.T, c *moduletest.Caddy, origin string) stream {
	t.Helper()
	client := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	t.Cleanup(client.CloseIdleConnections)
	body, to := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodConnect, c.URL("")+"/ws", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close(); _ = to.Close() })
	return stream{res.StatusCode, to, res.Body}
}

// send sends a frame that is masked with zeros.
func (s stream) send(t *testing.T, first byte, length int) {
	t.Helper()
	if _, err := s.to.Write(append([]byte{first, 0x80 | byte(length), 0, 0, 0, 0}, strings.Repeat("a", length)...)); err != nil {
		t.Fatal(err)
	}
}

func (s stream) expect(t *testing.T, frame string) {
	t.Helper()
	got := make([]byte, len(frame))
	if _, err := io.ReadFull(s.from, got); err != nil || string(got) != frame {
		t.Errorf("got %q, %v; want %q", got, err, frame)
	}
}

func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		`"origins":["a.test"]`:            "scheme://host",
		`"deny":true,"max_message":1`:     "keep one",
		`"max_message":-1`:                "below zero",
		`"idle_timeout":-1000000000`:      "below zero",
		`"origins":["self","https://a/"]`: "without a path",
	} {
		_, err := moduletest.TryProvision(t, moduletest.HTTP(`{}`, `{"handler":"loom_websocket",`+settings+`}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", settings, err)
		}
	}
}
