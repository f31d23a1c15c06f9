package http1test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// earlyResponse answers a request of which only the head has come.
func earlyResponse(t *testing.T, e Engine) {
	b := startBackend(t, func(conn *Conn) {
		conn.ReadHead()
		conn.Send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
		_, _ = io.Copy(io.Discard, conn.Reader)
		conn.Over = true
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
		conn.Over = true
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

// brokenRequest has the backend not take half a body for a whole one.
func brokenRequest(t *testing.T, e Engine) {
	for _, length := range []int64{100, -1} {
		whole := make(chan bool, 1)
		b := startBackend(t, func(conn *Conn) {
			whole <- conn.ReadRequest() != nil
			conn.Over = true
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
