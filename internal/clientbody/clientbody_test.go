package clientbody_test

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/clientbody"
)

// wrapped is a ResponseWriter as middleware makes them.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A handler answers while somebody else reads the body. What the client sends afterwards is the rest of the body, and never a
// request of its own; and the server does not stumble over a Read that is still under way.
func TestRestOfABodyIsNoRequest(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var requests []string
	var logs bytes.Buffer
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests = append(requests, r.Method+" "+r.URL.Path)
		mu.Unlock()
		w = wrapped{w}
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		body := clientbody.Of(r)
		defer body.End(w)
		first, read := make(chan struct{}), r.Body
		go func() {
			n, _ := read.Read(make([]byte, 5))
			for close(first); n > 0; n, _ = read.Read(make([]byte, 1000)) {
			}
		}()
		<-first
		_, _ = io.WriteString(w, "early")
	}))
	server.Config.ErrorLog = log.New(lockedWriter{&mu, &logs}, "", 0)
	server.Start()
	defer server.Close()

	for range 20 {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n12345")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(res.Body); string(text) != "early" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		_, _ = io.WriteString(conn, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"+strings.Repeat(" ", 100))
		_, _ = io.Copy(io.Discard, conn) // until the server has closed it
		_ = conn.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	for _, request := range requests {
		if request != "POST /first" {
			t.Errorf("the server saw %s", request)
		}
	}
	if logs.Len() > 0 {
		t.Errorf("the server says: %s", &logs)
	}
}

// A connection whose body was read to its end, or not at all, serves the next request.
func TestConnectionGoesOn(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(r *http.Request){
		"read":   func(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) },
		"half":   func(r *http.Request) { _, _ = r.Body.Read(make([]byte, 2)) },
		"closed": func(r *http.Request) { _ = r.Body.Close() },
		"left":   func(*http.Request) {},
	} {
		var connections sync.Map
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			connections.Store(r.RemoteAddr, true)
			body := clientbody.Of(r)
			defer body.End(w)
			handle(r)
			_, _ = io.WriteString(w, "hello")
		}))
		for range 3 {
			res, err := server.Client().Post(server.URL, "", strings.NewReader("some text"))
			if err != nil {
				t.Fatal(name, err)
			}
			if text, err := io.ReadAll(res.Body); string(text) != "hello" || err != nil {
				t.Errorf("%s: %q, %v", name, text, err)
			}
			_ = res.Body.Close()
		}
		count := 0
		connections.Range(func(any, any) bool { count++; return true })
		if count != 1 {
			t.Errorf("%s: %d connections for three requests", name, count)
		}
		server.Close()
	}
}

// An early answer leaves the body unread, and the client sends it together with the next request. That would be read while the
// server listens for the end of the connection, which is a panic in the goroutine that reads: the end of the process.
func TestUnreadBodyBeforeNextRequest(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := clientbody.Of(r)
		body.AnswerEarly(w)
		defer body.End(w)
		if r.URL.Path == "/second" {
			read := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = io.Copy(io.Discard, r.Body)
			}()
			<-read
		}
		_, _ = io.WriteString(w, "answer")
	}))
	defer server.Close()
	for range 20 {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(res.Body); string(text) != "answer" || err != nil || !res.Close {
			t.Errorf("%q, %v, the connection goes on: %v", text, err, !res.Close)
		}
		_, _ = io.WriteString(conn, "the bodyPOST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
}

func TestNothingIsReadAfterTheEnd(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("text"))
	body := clientbody.Of(r)
	body.End(httptest.NewRecorder())
	if _, err := r.Body.Read(make([]byte, 1)); err != http.ErrBodyReadAfterClose { //nolint:errorlint // it is returned as it is
		t.Error(err)
	}
	for _, none := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/", nil),
		{ProtoMajor: 2, ContentLength: 4, Body: io.NopCloser(strings.NewReader("text"))},
	} {
		clientbody.Of(none).End(httptest.NewRecorder())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}
