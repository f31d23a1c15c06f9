package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// answer is what a client got.
type answer struct {
	status  int
	header  http.Header
	body    string
	trailer http.Header
	err     error // the response was cut, or there was none
	saw     *seen // what the backend saw, if it was its answer
}

// cut reports whether there was no response, or not the whole of it.
func (a answer) cut() bool { return a.err != nil }

const sentBody, sentTrailer, sentKeep = "what the client sent", "of the client", "kept"

// send sends a request with a body and a trailer on a route. With attack the plugin does what it is there for.
func (k *kit) send(name, path string, size int64, attack bool) answer {
	var body io.Reader = struct{ io.Reader }{strings.NewReader(sentBody)} // of unknown length
	if path == "" {
		path = "/"
	}
	if size > 0 {
		return k.sendHuge(name, path, size)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+k.address+"/"+name+path, body)
	if err != nil {
		return answer{err: err}
	}
	r.Trailer = http.Header{"X-Trailer": {sentTrailer}}
	r.Header = http.Header{"X-Keep": {sentKeep}, "X-Case": {name}, "X-Secret": {"of " + name}}
	if attack {
		r.Header.Set("X-Attack", "1")
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	return receive((&http.Client{Transport: transport}).Do(r))
}

// sendHuge sends a body of zeroes while it waits for the answer: http.Client gives up when it cannot write any more, without a look
// at what has been answered.
func (k *kit) sendHuge(name, path string, size int64) answer {
	conn, err := net.Dial("tcp", k.address)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = fmt.Fprintf(conn, "POST /%s%s HTTP/1.1\r\nHost: gateway\r\nContent-Length: %d\r\nX-Attack: 1\r\n\r\n", name, path, size)
	go func() { _, _ = io.CopyN(conn, zeroes{}, size) }()
	return receive(http.ReadResponse(bufio.NewReader(conn), nil))
}

func receive(res *http.Response, err error) answer {
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	a := answer{status: res.StatusCode, header: res.Header, body: string(body), trailer: res.Trailer, err: err}
	if s := new(seen); res.Header.Get("X-Backend") != "" && json.Unmarshal(body, s) == nil {
		a.saw = s
	}
	return a
}

// untouched says in what a request and its response were changed on the way.
func (a answer) untouched(name, path string) error {
	if path == "" {
		path = "/"
	}
	want := seen{Method: http.MethodPost, Path: "/" + name + path, Body: sentBody, Keep: sentKeep, Trailer: sentTrailer}
	switch {
	case a.err != nil:
		return fmt.Errorf("the response was cut: %w", a.err)
	case a.status != http.StatusOK || a.saw == nil:
		return fmt.Errorf("status %d %.200q, want the backend's 200", a.status, a.body)
	case *a.saw != want:
		return fmt.Errorf("the backend saw %+v, want %+v", *a.saw, want)
	case a.header.Get("X-Half") != "" || a.trailer.Get("X-Half") != "" || a.trailer.Get("X-Echo") != sentTrailer:
		return fmt.Errorf("the response was changed: %v, trailers %v", a.header, a.trailer)
	}
	return nil
}

// eventually waits for a condition.
func eventually(what string, holds func() bool) error {
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %v", what, patience)
		}
	}
	return nil
}
