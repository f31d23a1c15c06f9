package http1test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

func hintsPass(t *testing.T, e Engine) {
	heard := make(chan struct{})
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		conn.Send("HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n")
		<-heard
		conn.Send(ok + "Content-Length: 2\r\n\r\nok")
	})
	req := b.request(t, http.MethodGet, "/", nil)
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			if code != http.StatusEarlyHints || header.Get("Link") != "</style>" {
				t.Errorf("got %d with %v", code, header)
			}
			close(heard)
			return nil
		},
	}))
	if got := outcome(t, e.To(t, b.Address), req); got != "200 ok" {
		t.Errorf("got %q", got)
	}
}

func continueAsked(t *testing.T, e Engine) {
	b := startBackend(t, func(conn *Conn) {
		req := conn.ReadHead()
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := conn.Reader.Peek(1); err == nil {
			t.Error("the body came before it was asked for")
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		conn.Send("HTTP/1.1 100 Continue\r\n\r\n")
		data, _ := io.ReadAll(req.Body)
		conn.Send(ok + "Content-Length: 4\r\n\r\n" + string(data))
	})
	client := e.To(t, b.Address)
	req := b.request(t, http.MethodPost, "/", strings.NewReader("body"))
	req.Header.Set("Expect", "100-continue")
	if got := outcome(t, client, req) + ", next " + b.next(t, client); got != "200 body, next same" {
		t.Errorf("got %q", got)
	}
}

// continueRefused answers instead of asking for the body. What comes next on the connection would be read as the body, so
// nothing must. http.Transport sends the next request on it.
func continueRefused(t *testing.T, e Engine) {
	after := make(chan bool, 1)
	b := startBackend(t, func(conn *Conn) {
		conn.ReadHead()
		conn.Send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
		_, err := conn.Reader.ReadByte()
		after <- err == nil
		_ = conn.Close()
	})
	client := e.To(t, b.Address)
	req := b.request(t, http.MethodPost, "/", strings.NewReader("body"))
	req.Header.Set("Expect", "100-continue")
	if got := outcome(t, client, req) + ", next " + b.next(t, client); got != "417 no, next new" {
		t.Errorf("got %q", got)
	}
	goesOn := await(t, "the end of the connection", after)
	if e.Name == Composed {
		return // sometimes
	}
	if want := e.Name == Stock; goesOn != want {
		t.Errorf("something was sent in place of the body: %v, want %v", goesOn, want)
	}
}
