package datapath

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// kinds are the backends that everything must pass to: HTTP/1.1 by each engine, HTTP/2 without and with TLS.
var kinds = []struct {
	name   string
	http2  bool
	tls    bool
	config []string
}{
	{name: "http", config: []string{"transport: {engine: loom}"}},
	{name: "http-stock", config: []string{"transport: {engine: stock}"}},
	{name: "h2c", http2: true, config: []string{"protocol: h2c"}},
	{name: "https", tls: true, config: []string{"protocol: https", "tls: {insecure_skip_verify: true}"}},
	{name: "https-h2", tls: true, http2: true, config: []string{"protocol: https", "tls: {insecure_skip_verify: true}"}},
}

// everywhere runs a test from every protocol to every kind of backend.
func everywhere(t *testing.T, backend http.HandlerFunc, test func(t *testing.T, c client)) {
	t.Helper()
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			start(t, toBackend+upstream([]string{serve(t, kind.http2, kind.tls, backend)}, kind.config...)).each(t, test)
		})
	}
}

// serve is a backend that speaks one protocol, and its address.
func serve(t testing.TB, http2, secure bool, backend http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(backend)
	if http2 {
		s.EnableHTTP2 = secure
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetHTTP2(secure)
		s.Config.Protocols.SetUnencryptedHTTP2(!secure)
	}
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestInformationalResponses has hints at the client before the answer, and the answer without them.
func TestInformationalResponses(t *testing.T) {
	everywhere(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, link := range []string{"</a>", "</b>"} {
			w.Header().Set("Link", link)
			w.WriteHeader(http.StatusEarlyHints)
		}
		w.Header().Del("Link")
		_, _ = io.WriteString(w, "ok")
	}, func(t *testing.T, c client) {
		var hints []string
		req := c.request(t, http.MethodGet, "/", nil)
		req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				hints = append(hints, fmt.Sprint(code, " ", h.Get("Link")))
				return nil
			},
		}))
		res, body := c.send(t, req)
		if got := fmt.Sprint(hints, " ", body, res.Header["Link"]); got != "[103 </a> 103 </b>] ok[]" {
			t.Errorf("the client hears %s", got)
		}
	})
}

// TestTrailers has announced trailers pass both ways, and those of the response that were not announced, too.
func TestTrailers(t *testing.T) {
	everywhere(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-Announced")
		_, _ = io.WriteString(w, "sum "+r.Trailer.Get("X-Sum"))
		w.Header().Set("X-Announced", "1")
		w.Header().Set(http.TrailerPrefix+"X-Unannounced", "2")
	}, func(t *testing.T, c client) {
		req := c.request(t, http.MethodPost, "/", strings.NewReader("body"))
		req.ContentLength, req.Trailer = -1, http.Header{"X-Sum": {"7"}}
		res, body := c.send(t, req)
		want := "sum 7"
		if c.name == "h3" { // its values do not reach Caddy's handlers
			want = "sum "
		}
		if body != want || res.Trailer.Get("X-Announced") != "1" || res.Trailer.Get("X-Unannounced") != "2" {
			t.Errorf("%q with the trailers %v", body, res.Trailer)
		}
	})
}

// TestAnswersWithoutBody keeps what a HEAD, a 204 and a 304 say of a body that does not come, and the connection in step.
func TestAnswersWithoutBody(t *testing.T) {
	everywhere(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/304":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Content-Length", "1234")
			_, _ = io.WriteString(w, strings.Repeat("x", 1234)) // not sent for HEAD
		}
	}, func(t *testing.T, c client) {
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			for path, status := range map[string]int{"/": 200, "/204": 204, "/304": 304} {
				res, body := c.do(t, method, path, nil)
				length := int64(0)
				if path == "/" && method == http.MethodGet {
					length = 1234
				}
				if res.StatusCode != status || int64(len(body)) != length {
					t.Errorf("%s %s: %d with %d bytes", method, path, res.StatusCode, len(body))
				}
				if said := res.Header.Get("Content-Length"); path == "/" && said != "1234" || path == "/304" && res.Header.Get("Etag") != `"x"` {
					t.Errorf("%s %s: length %q, Etag %q", method, path, said, res.Header.Get("Etag"))
				}
			}
		}
	})
}

// TestExpectContinue has the backend decide whether it wants the body.
func TestExpectContinue(t *testing.T) {
	everywhere(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "too large", http.StatusExpectationFailed)
			return
		}
		_, _ = io.Copy(w, r.Body)
	}, func(t *testing.T, c client) {
		for path, want := range map[string]string{"/yes": "200 the body", "/no": "417 too large\n"} {
			for _, sent := range []io.Reader{strings.NewReader("the body"), io.MultiReader(strings.NewReader("the body"))} { // without a length
				res, body := c.do(t, http.MethodPost, path, sent, "Expect", "100-continue")
				if got := strconv.Itoa(res.StatusCode) + " " + body; got != want {
					t.Errorf("%s: %q", path, got)
				}
			}
		}
	})
}

// TestEarlyAnswer has an answer at the client while the body is still to come; a body without end does not keep it back.
func TestEarlyAnswer(t *testing.T) {
	everywhere(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no", http.StatusUnauthorized)
	}, func(t *testing.T, c client) {
		body, send := io.Pipe()
		defer time.AfterFunc(patience/4, func() { _ = send.CloseWithError(io.ErrUnexpectedEOF) }).Stop() // net/http waits for it
		defer send.Close()
		req := c.request(t, http.MethodPost, "/", body)
		req.ContentLength = 1 << 20
		go func() { _, _ = io.WriteString(send, "only the beginning") }()
		res, err := c.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d", res.StatusCode)
		}
	})
}

// TestBothWays exchanges lines over one request: each side sends the next when it has read the other's.
func TestBothWays(t *testing.T) {
	everywhere(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return
		}
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			_, _ = fmt.Fprintf(w, "got %s\n", lines.Text())
			_ = rc.Flush()
		}
	}, func(t *testing.T, c client) {
		body, send := io.Pipe()
		go func() { _, _ = io.WriteString(send, "0\n") }()
		res, err := c.RoundTrip(c.request(t, http.MethodPost, "/", body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answers := bufio.NewReader(res.Body)
		for i := range 5 {
			if line, err := answers.ReadString('\n'); err != nil || line != fmt.Sprintf("got %d\n", i) {
				t.Fatalf("line %d is %q, error %v", i, line, err)
			}
			if i < 4 {
				_, _ = fmt.Fprintf(send, "%d\n", i+1)
			}
		}
		_ = send.Close()
		if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
			t.Errorf("rest %q, error %v", rest, err)
		}
	})
}

// TestBodies has bodies of all sizes arrive whole, with a length and without, both ways.
func TestBodies(t *testing.T) {
	everywhere(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
		if r.ContentLength >= 0 {
			w.Header().Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
		}
		data, err := io.ReadAll(r.Body)
		if err == nil {
			_, _ = w.Write(data)
		}
	}, func(t *testing.T, c client) {
		for _, size := range []int{0, 1, 4 << 10, 70_000, 1 << 20} {
			for _, known := range []bool{true, false} {
				text := strings.Repeat("x", size)
				req := c.request(t, http.MethodPut, "/", strings.NewReader(text))
				if req.ContentLength = int64(size); !known {
					req.ContentLength = -1
				}
				res, body := c.send(t, req)
				length := res.Header.Get("X-Length")
				if c.name == "h3" && size == 0 { // HTTP/3 does not say that a request has no body
					known = false
				}
				if body != text || known && length != strconv.Itoa(size) {
					t.Errorf("%d bytes, length known %v: %d came back, and the backend was told %s", size, known, len(body), length)
				}
			}
		}
	})
}

// TestEventsComeAtOnce has an event at the client before the backend sends the next, and the backend hear of its leaving.
func TestEventsComeAtOnce(t *testing.T) {
	left := make(chan string, len(kinds)*5)
	everywhere(t, func(w http.ResponseWriter, r *http.Request) {
		next := make(chan struct{})
		steps.Store(r.Header.Get("X-Id"), next)
		w.Header().Set("Content-Type", "text/event-stream")
		for i := 0; ; i++ {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				left <- r.Header.Get("X-Id")
				return
			}
		}
	}, func(t *testing.T, c client) {
		res, err := c.RoundTrip(c.request(t, http.MethodGet, "/", nil, "X-Id", t.Name()))
		if err != nil {
			t.Fatal(err)
		}
		events := bufio.NewReader(res.Body)
		next, _ := steps.Load(t.Name())
		for i := range 5 {
			line, err := events.ReadString('\n')
			if err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("event %d is %q, error %v", i, line, err)
			}
			_, _ = events.ReadString('\n')
			if i < 4 {
				next.(chan struct{}) <- struct{}{}
			}
		}
		_ = res.Body.Close()
		within(t, "the end of the stream at the backend", left)
	})
}

// steps has the channel by which the test of an event stream asks its backend for the next event.
var steps sync.Map
