package http1test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// scripts are exchanges that are more than an answer.
func scripts() map[string]func(*testing.T, Engine) {
	return map[string]func(*testing.T, Engine){
		"hints come before the response":            hintsPass,
		"a body waits for 100 Continue":             continueAsked,
		"a body that is refused is not sent":        continueRefused,
		"a response before the body":                earlyResponse,
		"both ways at once":                         bothWays,
		"a body of known length arrives":            knownLength,
		"a body of unknown length and its trailers": unknownLength,
		"giving up is heard at the backend":         givingUp,
		"giving up in a response":                   givingUpLater,
		"a reset before the response":               resetBefore,
		"a reset in the response":                   resetWithin,
		"a body that breaks off":                    brokenRequest,
		"a closed idle connection, GET":             func(t *testing.T, e Engine) { idleClosed(t, e, http.MethodGet, nil) },
		"a closed idle connection, POST":            func(t *testing.T, e Engine) { idleClosed(t, e, http.MethodPost, nil) },
		"unsolicited bytes on an idle connection":   unsolicited,
		"a GET is sent again":                       func(t *testing.T, e Engine) { lostWhileSent(t, e, http.MethodGet, "200 next", 2) },
		"a POST is not sent again":                  func(t *testing.T, e Engine) { lostWhileSent(t, e, http.MethodPost, "refused", 1) },
		"an upgrade":                                upgrade,
		"an upgrade with one direction closed":      halfClosed,
	}
}

// await fails the test when nothing comes.
func await[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened in %s", what, patience)
	}
	return v
}

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
		if _, err := conn.reader.Peek(1); err == nil {
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
		_, err := conn.reader.ReadByte()
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

// earlyResponse answers a request of which only the head has come.
func earlyResponse(t *testing.T, e Engine) {
	b := startBackend(t, func(conn *Conn) {
		conn.ReadHead()
		conn.Send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
		_, _ = io.Copy(io.Discard, conn.reader)
		conn.closed = true
	})
	body, send := io.Pipe()
	defer send.Close()
	req := b.request(t, http.MethodPost, "/", body)
	req.ContentLength = 1000
	client := e.To(t, b.Address)
	if got := outcome(t, client, req); got != "401 no" {
		t.Errorf("got %q", got)
	}
	send.Close()
	if got := b.next(t, client); got != "new" {
		t.Errorf("the next request found the %s connection", got)
	}
}

// bothWays exchanges lines: each side waits for the other's.
func bothWays(t *testing.T, e Engine) {
	b := startBackend(t, func(conn *Conn) {
		req := conn.ReadHead()
		lines := bufio.NewReader(req.Body)
		for i := range 3 {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Errorf("line %d at the backend: %v", i, err)
				return
			}
			if i == 0 {
				conn.Send(ok + "Transfer-Encoding: chunked\r\n\r\n")
			}
			conn.Send("4\r\n" + line + "\r\n")
		}
		_, _ = io.Copy(io.Discard, lines)
		conn.Send("0\r\n\r\n")
	})
	body, send := io.Pipe()
	client := e.To(t, b.Address)
	lines := make(chan string)
	go func() {
		for line := range lines {
			_, _ = io.WriteString(send, line)
		}
		send.Close()
	}()
	lines <- "ab0\n"
	res, err := client.RoundTrip(b.request(t, http.MethodPost, "/", body))
	if err != nil {
		close(lines)
		t.Fatal(err)
	}
	defer res.Body.Close()
	answers := bufio.NewReader(res.Body)
	for _, next := range []string{"ab1\n", "ab2\n", ""} {
		if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "ab") {
			t.Errorf("line %q, error %v", line, err)
		}
		if next != "" {
			lines <- next
		}
	}
	close(lines)
	if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
		t.Errorf("rest %q, error %v", rest, err)
	}
}

// echo sends a request's body back, with what framed it.
func echo(conn *Conn) {
	req := conn.ReadHead()
	if req == nil {
		return
	}
	data, err := io.ReadAll(req.Body)
	if err != nil {
		conn.closed = true
		return
	}
	framing := "Content-Length " + req.Header.Get("Content-Length")
	if len(req.TransferEncoding) > 0 {
		framing = strings.Join(req.TransferEncoding, "|") + " " + req.Trailer.Get("X-Sum")
	}
	conn.Send(ok + "Connection: close\r\nX-Extra: " + framing + "\r\n\r\n" + string(data))
	_ = conn.Close()
}

func knownLength(t *testing.T, e Engine) {
	for _, size := range []int{1, 4 << 10, 20 << 10, 300 << 10} {
		b := startBackend(t, echo)
		text := strings.Repeat("x", size)
		req := b.request(t, http.MethodPut, "/", io.NopCloser(strings.NewReader(text)))
		req.ContentLength = int64(size)
		if got := outcome(t, e.To(t, b.Address), req); !strings.HasPrefix(got, "200 "+text+" extra Content-Length ") {
			t.Errorf("%d bytes: got %.100q", size, got)
		}
	}
}

func unknownLength(t *testing.T, e Engine) {
	for _, size := range []int{0, 1, 100 << 10} {
		b := startBackend(t, echo)
		text := strings.Repeat("x", size)
		req := b.request(t, http.MethodPut, "/", io.NopCloser(strings.NewReader(text)))
		req.Trailer = http.Header{"X-Sum": {"7"}}
		want := "200"
		if size > 0 {
			want += " " + text
		}
		if got := outcome(t, e.To(t, b.Address), req); got != want+" extra chunked 7" {
			t.Errorf("%d bytes: got %.100q", size, got)
		}
	}
}

func givingUp(t *testing.T, e Engine) {
	began, gone := make(chan struct{}), make(chan struct{})
	b := startBackend(t, func(conn *Conn) {
		conn.ReadRequest()
		close(began)
		_, _ = conn.reader.ReadByte()
		close(gone)
		conn.closed = true
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
		_, _ = conn.reader.ReadByte()
		close(gone)
		conn.closed = true
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

// brokenRequest has the backend not take half a body for a whole one.
func brokenRequest(t *testing.T, e Engine) {
	for _, length := range []int64{100, -1} {
		whole := make(chan bool, 1)
		b := startBackend(t, func(conn *Conn) {
			whole <- conn.ReadRequest() != nil
			conn.closed = true
		})
		body, send := io.Pipe()
		req := b.request(t, http.MethodPost, "/", body)
		req.ContentLength = length
		go func() {
			_, _ = io.WriteString(send, "the beginning")
			send.CloseWithError(errors.New("the client has gone"))
		}()
		if res, err := e.To(t, b.Address).RoundTrip(req); err == nil {
			res.Body.Close()
		}
		if await(t, "the request", whole) {
			t.Errorf("length %d: the backend takes it for whole", length)
		}
	}
}

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
