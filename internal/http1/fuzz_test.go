package http1

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"testing"
)

// FuzzResponse has net/http accept whatever this reader accepts, and find the same in it. The other way round this reader
// refuses what net/http forgives.
func FuzzResponse(f *testing.F) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 7\r\n\r\n",
		"HTTP/1.0 200\r\n\r\nto the end",
		"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			f.Add(method == http.MethodHead, []byte(answer))
		}
	}
	f.Fuzz(func(t *testing.T, head bool, answer []byte) {
		req := &http.Request{Method: http.MethodGet, Host: "a", URL: mustURL("/")}
		if head {
			req.Method = http.MethodHead
		}
		mine, ok := readMine(req, answer)
		if !ok {
			return
		}
		theirs, ok := readTheirs(req, answer)
		if !ok {
			t.Fatalf("net/http refuses %q", answer)
		}
		if mine.status != theirs.status || mine.length != theirs.length || !bytes.Equal(mine.body, theirs.body) ||
			!maps.EqualFunc(mine.header, theirs.header, slices.Equal) {
			t.Fatalf("%q:\nhere  %+v\nthere %+v", answer, mine, theirs)
		}
		for name, values := range mine.trailer { // of theirs some are left out
			if !slices.Equal(theirs.trailer[name], values) {
				t.Fatalf("%q: trailer %s is %q here and %q there", answer, name, values, theirs.trailer[name])
			}
		}
	})
}

// found is what a reader finds in an answer.
type found struct {
	status          string
	length          int64
	header, trailer http.Header
	body            []byte
}

func findIn(res *http.Response) (found, bool) {
	body, err := io.ReadAll(res.Body)
	return found{res.Proto + " " + res.Status, res.ContentLength, res.Header, res.Trailer, body}, err == nil
}

func readMine(req *http.Request, answer []byte) (found, bool) {
	c := New(Settings{MaxHeaderBytes: 1 << 16, Dial: func(context.Context) (net.Conn, error) {
		return &spoken{Reader: bytes.NewReader(answer)}, nil
	}})
	res, err := c.Do(req, nil)
	if err != nil {
		return found{}, false
	}
	defer res.Body.Close()
	return findIn(res)
}

func readTheirs(req *http.Request, answer []byte) (found, bool) {
	r := bufio.NewReaderSize(bytes.NewReader(answer), 1<<17)
	for {
		res, err := http.ReadResponse(r, req)
		if err != nil {
			return found{}, false
		}
		if res.StatusCode >= 200 {
			return findIn(res)
		}
	}
}

// spoken is a connection of which only what the other side says matters.
type spoken struct {
	net.Conn
	*bytes.Reader
}

func (s *spoken) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (*spoken) Write(p []byte) (int, error)  { return len(p), nil }
func (*spoken) Close() error                 { return nil }
