package http1test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

func givingUp(t *testing.T, e Engine) {
	began, gone := make(chan struct{}), make(chan struct{})
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		close(began)
		_, _ = conn.Reader.ReadByte()
		close(gone)
		conn.Over = true
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	client := e.To(t, b.Address)
	go func() {
		res, err := client.RoundTrip(b.request(t, http.MethodGet, "/", nil).WithContext(ctx))
		if err == nil {
			res.Body.Close()
		}
		ended <- err
	}()
	await(t, "the request", began)
	cancel()
	if err := await(t, "the end of the request", ended); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	await(t, "the end at the backend", gone)
}

func givingUpLater(t *testing.T, e Engine) {
	gone := make(chan struct{})
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		conn.Send(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n") // with a length a gateway may keep it back
		_, _ = conn.Reader.ReadByte()
		close(gone)
		conn.Over = true
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res, err := e.To(t, b.Address).RoundTrip(b.request(t, http.MethodGet, "/", nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 5)); err != nil {
		t.Error(err)
	}
	cancel()
	if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	await(t, "the end at the backend", gone)
}

func resetBefore(t *testing.T, e Engine) {
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		conn.Reset()
	})
	client := e.To(t, b.Address)
	if got := outcome(t, client, b.request(t, http.MethodGet, "/", nil)) + ", next " + b.next(t, client); got != "refused, next new" {
		t.Errorf("got %q", got)
	}
}

func resetWithin(t *testing.T, e Engine) {
	for _, framing := range []string{"Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\n", "\r\n"} {
		b := startBackend(t, func(conn *Conn) {
			conn.ReadRequest()
			conn.Send(ok + framing + "hello")
			time.Sleep(20 * time.Millisecond) // a reset may overtake what was sent
			conn.Reset()
		})
		res, err := e.To(t, b.Address).RoundTrip(b.request(t, http.MethodGet, "/", nil))
		if err != nil {
			continue // broken off before the head was passed on: seen as well
		}
		if data, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%q: %q passes for the whole body", framing, data)
		}
		res.Body.Close()
	}
}
