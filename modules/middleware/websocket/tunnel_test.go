package websocket

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/wsframe"
)

// hijackable is a response whose connection is a pipe.
type hijackable struct {
	http.ResponseWriter
	conn net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// open opens a tunnel, of which the test is the client and the proxy.
func open(t *testing.T, h *Handler) (client, proxy net.Conn, end func()) {
	t.Helper()
	client, server := net.Pipe()
	tunnel := newTunnel(h, hijackable{httptest.NewRecorder(), server}, httptest.NewRequest("GET", "/", nil))
	proxy, _, err := tunnel.writer().Hijack()
	if err != nil {
		t.Fatal(err)
	}
	return client, proxy, func() { tunnel.end(); client.Close(); server.Close() }
}

// read gives what comes from a connection, until it fails.
func read(conn net.Conn) <-chan []byte {
	all := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(conn)
		all <- data
	}()
	return all
}

// textFrame is what a backend sends.
func textFrame(n int) []byte { return append([]byte{0x81, byte(n)}, bytes.Repeat([]byte{'x'}, n)...) }

// pingFrame is what a client sends.
func pingFrame() []byte { return []byte{0x89, 0x80, 0, 0, 0, 0} }

func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, proxy, end := open(t, &Handler{IdleTimeout: caddy.Duration(10 * time.Second)})
		defer end()
		began, toBackend, toClient := time.Now(), read(proxy), read(client)
		for range 3 { // either direction keeps it open
			time.Sleep(9 * time.Second)
			_, _ = client.Write(pingFrame())
			time.Sleep(9 * time.Second)
			_, _ = proxy.Write(textFrame(3))
		}
		got := <-toBackend
		if took := time.Since(began); took < 64*time.Second || took > 67*time.Second {
			t.Errorf("it was closed after %s", took)
		}
		if want := wsframe.Close(1001, "the connection was idle", true); !bytes.HasSuffix(got, want) || !bytes.HasPrefix(got, pingFrame()) {
			t.Errorf("the backend got % x", got)
		}
		end()
		if got, want := <-toClient, wsframe.Close(1001, "the connection was idle", false); !bytes.HasSuffix(got, want) {
			t.Errorf("the client got % x", got)
		}
	})
}

// A close frame waits for the end of the frame that the backend is sending, and nothing comes behind it.
func TestCloseFrameIsAtABoundary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, proxy, end := open(t, &Handler{MaxMessage: 5})
		defer end()
		toClient, toBackend := read(client), read(proxy)
		frame := textFrame(100)
		_, _ = proxy.Write(frame[:50])
		go func() { _, _ = client.Write([]byte{0x81, 0x80 | 6, 0, 0, 0, 0, 'l', 'o', 'n', 'g', 'e', 'r'}) }()
		synctest.Wait()
		if n, err := proxy.Write(append(frame[50:], textFrame(1)...)); n != 52 || err == nil {
			t.Errorf("%d bytes of the rest were written, %v", n, err)
		}
		if got, want := <-toBackend, wsframe.Close(1009, "the message is too big", true); !bytes.Equal(got, want) {
			t.Errorf("the backend got % x", got)
		}
		end()
		want := append(textFrame(100), wsframe.Close(1009, "the message is too big", false)...)
		if got := <-toClient; !bytes.Equal(got, want) {
			t.Errorf("the client got % x", got)
		}
	})
}

// A client that reads nothing does not keep a connection open that is to be closed.
func TestDeafClient(t *testing.T) {
	t.Parallel()
	_, proxy, end := open(t, &Handler{IdleTimeout: caddy.Duration(50 * time.Millisecond)})
	defer end()
	toBackend := read(proxy)
	if _, err := proxy.Write(textFrame(3)); err == nil { // blocks until it is over
		t.Error("somebody has read it")
	}
	<-toBackend
}

// flushes is a response that is flushed while a lock is held, or not.
type flushes struct {
	http.ResponseWriter
	lock   *sync.Mutex
	locked []bool
}

func (f *flushes) FlushError() error {
	free := f.lock.TryLock()
	if free {
		f.lock.Unlock()
	}
	f.locked = append(f.locked, !free)
	return nil
}

// Over HTTP/2 a close frame may be on its way when a handler flushes, whichever way it asks for that.
func TestFlushesWaitForFrames(t *testing.T) {
	t.Parallel()
	response := &flushes{ResponseWriter: httptest.NewRecorder()}
	r := httptest.NewRequest("CONNECT", "/", nil)
	r.ProtoMajor = 2
	tunnel := newTunnel(&Handler{}, response, r)
	response.lock = &tunnel.mu
	w := tunnel.writer()
	w.Flush()
	_ = http.NewResponseController(w).Flush()
	if !slices.Equal(response.locked, []bool{true, true}) {
		t.Errorf("locked: %v", response.locked)
	}
}
