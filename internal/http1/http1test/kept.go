package http1test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// idleClosed has the backend close a connection before the next request is sent.
func idleClosed(t *testing.T, e Engine, method string, body io.Reader) {
	closed := make(chan struct{})
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		conn.Send(ok + "Content-Length: 5\r\n\r\nfirst")
		conn.Close()
		close(closed)
	})
	client := e.To(t, b.Address)
	if got := outcome(t, client, b.request(t, http.MethodGet, "/", nil)); got != "200 first" {
		t.Fatalf("got %q", got)
	}
	await(t, "the end of the connection", closed)
	time.Sleep(20 * time.Millisecond) // the news travels over loopback
	if got := outcome(t, client, b.request(t, method, "/", body)); got != "200 next" {
		t.Errorf("got %q", got)
	}
}

// unsolicited has the backend say something between two requests: it must not pass for the second response.
func unsolicited(t *testing.T, e Engine) {
	spoken, answered := make(chan struct{}), make(chan struct{})
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		conn.Send(ok + "Content-Length: 5\r\n\r\nfirst")
		<-answered
		conn.Send(ok + "Content-Length: 4\r\n\r\nevil")
		close(spoken)
	})
	client := e.To(t, b.Address)
	if got := outcome(t, client, b.request(t, http.MethodGet, "/", nil)); got != "200 first" {
		t.Fatalf("got %q", got)
	}
	close(answered)
	await(t, "the unsolicited response", spoken)
	time.Sleep(20 * time.Millisecond) // the news travels over loopback
	if got := b.next(t, client); got != "new" {
		t.Errorf("got %q", got)
	}
}

// lostWhileSent has the backend close a kept connection when it has read the second request.
func lostWhileSent(t *testing.T, e Engine, method, want string, requests int) {
	seen := make(chan struct{}, 10)
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		conn.Send(ok + "Content-Length: 5\r\n\r\nfirst")
		conn.ReadRequest()
		seen <- struct{}{}
		conn.Close()
	})
	client := e.To(t, b.Address)
	if got := outcome(t, client, b.request(t, http.MethodGet, "/", nil)); got != "200 first" {
		t.Fatalf("got %q", got)
	}
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("once")
	}
	if got := outcome(t, client, b.request(t, method, "/", body)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	await(t, "the second request", seen)
	if n := b.Connections(); n != requests {
		t.Errorf("the request went over %d connections, want %d", n, requests)
	}
}
