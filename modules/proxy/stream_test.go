package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// TestStreamsBothWays exchanges lines over one request: each side sends the next when it has read the other's.
func TestStreamsBothWays(t *testing.T) {
	t.Parallel()
	c := gateway(t, backend(t, func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			fmt.Fprintf(w, "got %s\n", lines.Text())
			rc.Flush()
		}
	}))
	conn, err := net.Dial("tcp", c.Addr(""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab1\n\r\n")
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(res.Body)
	for _, next := range []string{"4\r\nab2\n\r\n", "0\r\n\r\n"} {
		line, err := lines.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "got ab") {
			t.Fatalf("line %q, error %v", line, err)
		}
		fmt.Fprint(conn, next)
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("rest %q, error %v", rest, err)
	}
}

// TestEventStream has an event at the client before the backend sends the next, long after the route's timeout.
func TestEventStream(t *testing.T) {
	t.Parallel()
	next, gone := make(chan struct{}), make(chan struct{})
	events := backend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			fmt.Fprint(w, "data: x\n\n")
			http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				close(gone)
				return
			}
		}
	})
	timeout := `{"handler": "loom_proxy", "upstream": "backend", "timeout": "2s"}`
	c := moduletest.Provision(t, moduletest.HTTP(loom("http", events), timeout)).Start()
	res, err := http.Get(c.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewReader(res.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil || line != "data: x\n" {
			t.Fatalf("line %q, error %v", line, err)
		}
		if _, err := lines.Discard(1); err != nil {
			t.Fatal(err)
		}
		select {
		case next <- struct{}{}:
			continue
		case <-gone:
			t.Fatal("the backend lost its client")
		default:
		}
		break
	}
	res.Body.Close()
	within(t, "cancellation at the backend", gone)
}

func TestInformationalResponses(t *testing.T) {
	t.Parallel()
	c := gateway(t, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Link", "final")
		io.WriteString(w, "ok")
	}))
	var hints []string
	req, err := http.NewRequest(http.MethodGet, c.URL(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, " ", h.Get("Link")))
			return nil
		},
	}))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, res); got != "ok" || res.Header.Get("Link") != "final" {
		t.Errorf("final answer %q with Link %q", got, res.Header.Get("Link"))
	}
	if len(hints) != 1 || hints[0] != "103 </style.css>; rel=preload" {
		t.Errorf("hints = %q", hints)
	}
}

func TestHeadAndEmptyAnswers(t *testing.T) {
	t.Parallel()
	c := gateway(t, backend(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/304":
			w.Header().Set("Etag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Content-Length", "1234")
			if r.Method != http.MethodHead {
				io.WriteString(w, strings.Repeat("x", 1234))
			}
		}
	}))
	for path, want := range map[string]int{"/": http.StatusOK, "/204": http.StatusNoContent, "/304": http.StatusNotModified} {
		res, err := http.Head(c.URL("") + path)
		if err != nil {
			t.Fatal(err)
		}
		if got := body(t, res); got != "" || res.StatusCode != want {
			t.Errorf("HEAD %s: %d %q", path, res.StatusCode, got)
		}
		if path == "/" && res.ContentLength != 1234 {
			t.Errorf("HEAD: Content-Length %d", res.ContentLength)
		}
	}
	if res, _ := get(t, c.URL("")+"/204"); res.StatusCode != http.StatusNoContent || len(res.TransferEncoding) > 0 {
		t.Errorf("GET /204: %d %v", res.StatusCode, res.TransferEncoding)
	}
}

// TestEarlyResponse passes an answer on that comes before the body was read.
func TestEarlyResponse(t *testing.T) {
	t.Parallel()
	c := gateway(t, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusUnauthorized)
	}))
	res := raw(t, c.Addr(""), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly the beginning")
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("status = %d", res.StatusCode)
	}
}

func TestTrailersBothWays(t *testing.T) {
	t.Parallel()
	sent := make(chan string, 1)
	c := gateway(t, backend(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		sent <- r.Trailer.Get("X-Request-Sum")
		w.Header().Set("Trailer", "X-Announced")
		io.WriteString(w, "body")
		w.Header().Set("X-Announced", "1")
		w.Header().Set(http.TrailerPrefix+"X-Unannounced", "2")
	}))
	res := raw(t, c.Addr(""), "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Request-Sum\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Request-Sum: 7\r\n\r\n")
	if got := body(t, res); got != "body" {
		t.Errorf("body = %q", got)
	}
	if got := within(t, "request at the backend", sent); got != "7" {
		t.Errorf("request trailer = %q", got)
	}
	if res.Trailer.Get("X-Announced") != "1" || res.Trailer.Get("X-Unannounced") != "2" {
		t.Errorf("response trailers = %v", res.Trailer)
	}
}

// TestShortBodyIsNoSuccess has the client see that a backend broke off, framed by length and by chunks.
func TestShortBodyIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"length": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
		"chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
	} {
		c := gateway(t, rawBackend(t, answer))
		res, err := http.Get(c.URL(""))
		if err != nil {
			continue // broken off before the head: seen as well
		}
		if data, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%s: the client takes %q for the whole response", name, data)
		}
		res.Body.Close()
	}
}

// TestReadIdleTimeout keeps the listener's limit for uploads and lifts it for gRPC.
func TestReadIdleTimeout(t *testing.T) {
	t.Parallel()
	to := loom("http", backend(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		io.WriteString(w, "whole")
	}))
	c := moduletest.Provision(t, moduletest.Server(to, `{
		"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true}, "read_idle_timeout": "100ms",
		"routes": [{"handle": [`+toBackend+`]}]}`)).Start()
	for contentType, want := range map[string]bool{"text/plain": false, "application/grpc+proto": true} {
		conn, err := net.Dial("tcp", c.Addr(""))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: 2\r\n\r\na", contentType)
		pause(t)
		fmt.Fprint(conn, "b")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if whole := err == nil && res.StatusCode == http.StatusOK && body(t, res) == "whole"; whole != want {
			t.Errorf("%s: arrived whole is %v, want %v", contentType, whole, want)
		}
		conn.Close()
	}
}

// pause is the silence that TestReadIdleTimeout is about.
func pause(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(400 * time.Millisecond)
	defer timer.Stop()
	<-timer.C
}
