package handover

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func towns(t *testing.T, test func(t *testing.T, w *town)) {
	t.Run("plain", func(t *testing.T) { test(t, newTown(t)) })
	t.Run("tls", func(t *testing.T) { test(t, newTLSTown(t)) })
}

func TestIdleConnectionGoesOn(t *testing.T) {
	towns(t, func(t *testing.T, w *town) {
		old := w.open("old", "", echo)
		c := w.dial()
		c.send(get)
		c.wantAnswer("old", "/get ")
		for _, name := range []string{"second", "third"} {
			next := w.open(name, "", echo)
			old.shutDown()
			old.wait()
			c.send(get)
			c.wantAnswer(name, "/get ")
			old = next
		}
	})
}

// TestRequestsGoOn has a server shut down when it has read a part of a request, for each part there is.
func TestRequestsGoOn(t *testing.T) {
	const post = "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
	for name, text := range map[string]string{"GET": get, "POST": post + "body"} {
		t.Run(name, func(t *testing.T) {
			towns(t, func(t *testing.T, w *town) {
				old := w.open("old", "", echo)
				for cut := 1; cut < len(text) && cut < len(post); cut += 9 {
					next := w.open(fmt.Sprint("cut at ", cut), "", echo)
					c := w.dial()
					c.send(get)
					c.wantAnswer(old.name, "/get ")
					c.send(text[:cut])
					old.shutDown()
					old.wait()
					c.send(text[cut:])
					if server, _ := c.answer(); server != next.name {
						t.Errorf("cut at %d: %q has answered", cut, server)
					}
					old = next
				}
			})
		})
	}
}

// TestRunningRequestStays has the old server finish what it has begun, and the next one go on after it.
func TestRunningRequestStays(t *testing.T) {
	towns(t, func(t *testing.T, w *town) {
		begun, finish := make(chan struct{}), make(chan struct{})
		old := w.open("old", "", func(rw http.ResponseWriter, _ *http.Request) {
			io.WriteString(rw, "half ")
			http.NewResponseController(rw).Flush() // before the shutdown: it does not say Connection: close
			close(begun)
			<-finish
			io.WriteString(rw, "whole")
		})
		c := w.dial()
		c.send(get)
		<-begun
		w.open("next", "", echo)
		old.shutDown()
		close(finish)
		c.wantAnswer("old", "half whole")
		old.wait()
		c.send(get)
		c.wantAnswer("next", "/get ")
	})
}

// TestPipelined has requests wait behind one that the old server answers: none may be forgotten in a buffer of net/http.
func TestPipelined(t *testing.T) {
	const (
		post    = "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
		chunked = "POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nbody\r\n0\r\nA: b\r\n\r\n"
	)
	for name, first := range map[string]string{"get": get, "post": post, "chunked": chunked} {
		t.Run(name, func(t *testing.T) {
			towns(t, func(t *testing.T, w *town) {
				begun, finish := make(chan struct{}), make(chan struct{})
				old := w.open("old", "", func(rw http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					io.WriteString(rw, "first")
					http.NewResponseController(rw).Flush()
					close(begun)
					<-finish
				})
				w.open("next", "", echo)
				c := w.dial()
				c.send(first + post + chunked + get)
				<-begun
				old.shutDown()
				close(finish)
				c.wantAnswer("old", "first")
				c.wantAnswer("next", "/post body")
				c.wantAnswer("next", "/chunked body")
				c.wantAnswer("next", "/get ")
				old.wait()
			})
		})
	}
}

// TestNotRepeated has handlers fail without a word while their server shuts down: no other may get their requests.
func TestNotRepeated(t *testing.T) {
	towns(t, func(t *testing.T, w *town) {
		begun, finish := make(chan struct{}), make(chan struct{})
		old := w.open("old", "", func(http.ResponseWriter, *http.Request) {
			close(begun)
			<-finish
			panic(http.ErrAbortHandler)
		})
		w.open("next", "", echo)
		c := w.dial()
		c.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
		<-begun
		old.shutDown()
		close(finish)
		c.wantClosed()
		old.wait()
		if n := w.requests.Load(); n != 1 {
			t.Errorf("%d handlers had the request", n)
		}
	})
}

// TestAnsweredWithoutHandler has net/http itself answer a request: the next server must not answer it again.
func TestAnsweredWithoutHandler(t *testing.T) {
	towns(t, func(t *testing.T, w *town) {
		old := w.open("old", "", echo)
		w.open("next", "", echo)
		c := w.dial()
		c.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
		c.wantAnswer("", "")
		old.shutDown()
		c.wantClosed()
		old.wait()
	})
}

func TestCloses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		kind string // of the next server
	}{
		"bad request":      {text: "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"},
		"Connection close": {text: "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
		"HTTP/1.0":         {text: "GET / HTTP/1.0\r\n\r\n"},
		"other settings":   {text: get, kind: "other"},
	} {
		t.Run(name, func(t *testing.T) {
			towns(t, func(t *testing.T, w *town) {
				old := w.open("old", "", echo)
				conn := w.dial()
				conn.send(c.text)
				conn.answer()
				w.open("next", c.kind, echo)
				old.shutDown()
				conn.wantClosed()
				old.wait()
			})
		})
	}
}

// TestLastServer closes as net/http does when no server follows.
func TestLastServer(t *testing.T) {
	towns(t, func(t *testing.T, w *town) {
		last := w.open("last", "", echo)
		c := w.dial()
		c.send(get)
		c.wantAnswer("last", "/get ")
		last.shutDown()
		c.wantClosed()
		last.wait()
	})
}

// TestOldestFirst has a server that fails to start get no connection.
func TestOldestFirst(t *testing.T) {
	w := newTown(t)
	old := w.open("old", "", echo)
	failing := w.open("failing", "", echo)
	ask := func(want string) {
		t.Helper()
		c := w.dial()
		c.send(get)
		c.wantAnswer(want, "/get ")
	}
	ask("old")
	failing.shutDown()
	failing.wait()
	ask("old")
	w.open("next", "", echo)
	old.shutDown()
	old.wait()
	ask("next")
}

// TestWaitingConnection is handed on before any server has accepted it.
func TestWaitingConnection(t *testing.T) {
	w := newTown(t)
	stuck := NewServer(&w.registry, http.NotFoundHandler(), func() Timeouts { return Timeouts{} }).
		Listen(w.socket.Listen(w.socket.keepAlive, func() {}), Kind{})
	c := w.dial()
	c.send(get)
	w.open("next", "", echo)
	stuck.Close()
	c.wantAnswer("next", "/get ")
}

func TestUpgradedConnectionStays(t *testing.T) {
	towns(t, func(t *testing.T, w *town) {
		old := w.open("old", "", func(rw http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			io.Copy(conn, io.LimitReader(buffered, 8))
		})
		c := w.dial()
		c.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nahead")
		if res, err := http.ReadResponse(c.read, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, error %v", res, err)
		}
		w.open("next", "", echo)
		old.shutDown()
		old.wait()
		c.send("end")
		if data, err := io.ReadAll(c.read); err != nil || string(data) != "aheadend" {
			t.Errorf("echo %q, error %v", data, err)
		}
	})
}

// TestHTTP2GoesAway has streams of HTTP/2 without TLS finish where they began, and later ones answered by the next server.
func TestHTTP2GoesAway(t *testing.T) {
	w := newTown(t)
	w.protocols = new(http.Protocols)
	w.protocols.SetHTTP1(true)
	w.protocols.SetUnencryptedHTTP2(true)
	begun, finish := make(chan struct{}), make(chan struct{})
	old := w.open("old", "", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(begun)
			<-finish
		}
		echo(rw, r)
	})
	only := new(http.Protocols)
	only.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: only}}
	t.Cleanup(client.CloseIdleConnections)
	ask := func(path string) string {
		res, err := client.Post("http://"+w.address()+path, "", strings.NewReader("body"))
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		data, _ := io.ReadAll(res.Body)
		return res.Header.Get("Server") + ": " + string(data)
	}
	slow := make(chan string, 1)
	go func() { slow <- ask("/slow") }()
	<-begun
	for range 20 {
		if got := ask("/"); got != "old: / body" {
			t.Fatal(got)
		}
	}
	w.open("next", "", echo)
	old.shutDown()
	for range 20 {
		if got := ask("/"); got != "next: / body" {
			t.Error(got)
		}
	}
	close(finish)
	if got := <-slow; got != "old: /slow body" {
		t.Error(got)
	}
	old.wait()
}

// A connection that comes before the first listener waits for it.
func TestEarlyConnection(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewSocket(l, net.KeepAliveConfig{})
	defer s.Close()
	client, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	time.Sleep(10 * time.Millisecond) // for a socket that accepts too early
	conn, err := s.Listen(net.KeepAliveConfig{}, func() {}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.RemoteAddr().String() != client.LocalAddr().String() {
		t.Errorf("the connection of %s came, not that of %s", conn.RemoteAddr(), client.LocalAddr())
	}
}

// TestPanicInHandshake is of one connection, as in net/http.
func TestPanicInHandshake(t *testing.T) {
	w := newTLSTown(t)
	good := w.tls
	w.tls = good.Clone()
	w.tls.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName == "panic" {
			panic("of a module that chooses certificates")
		}
		return good, nil
	}
	w.open("only", "", echo)
	raw, err := net.Dial("tcp", w.address())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if err := tls.Client(raw, &tls.Config{ServerName: "panic", InsecureSkipVerify: true}).Handshake(); err == nil { //nolint:gosec // a certificate of a test
		t.Error("a handshake that has panicked is whole")
	}
	c := w.dial()
	c.send(get)
	c.wantAnswer("only", "/get ")
}
