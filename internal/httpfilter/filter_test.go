package httpfilter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }

// gateway is a real server whose handler runs the probe in front of another handler.
type gateway struct {
	*httptest.Server
	plugin *plugin.Plugin
	logs   *observer.ObservedLogs
	errors chan error
}

// probeWith is the probe with some settings changed.
func probeWith(t *testing.T, change ...func(*plugin.Spec)) plugin.Spec {
	t.Helper()
	code, err := os.ReadFile("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	spec := plugin.Spec{Name: "probe", Code: code, Instances: 1}
	for _, c := range change {
		c(&spec)
	}
	return spec
}

// serve starts a gateway. The script is the probe's; see plugins/probe.
func serve(t *testing.T, script string, next http.HandlerFunc, change ...func(*plugin.Spec)) *gateway {
	t.Helper()
	spec := probeWith(t, change...)
	spec.Config = script
	core, logs := observer.New(zap.DebugLevel)
	p, err := plugin.Open(context.Background(), spec, plugin.Deps{Shared: shared.NewStore(), Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	c, err := p.Context(context.Background(), script)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{plugin: p, logs: logs, errors: make(chan error, 64)}
	f := New(c, Options{Log: zap.New(core)})
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := f.ServeHTTP(w, r, func(w http.ResponseWriter, r *http.Request) error { next(w, r); return nil })
		if failure := (*Error)(nil); errors.As(err, &failure) {
			w.WriteHeader(failure.Status)
		}
		g.errors <- err
	}))
	t.Cleanup(func() { g.Close(); c.Release(); p.Close() })
	return g
}

// echo answers with what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("X-Backend", "yes")
	_, _ = fmt.Fprintf(w, "%s %s host=%s x-a=%q length=%d body=%s", r.Method, r.RequestURI, r.Host, r.Header["X-A"], r.ContentLength, body)
}

type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
}

func (g *gateway) do(t *testing.T, method, path string, body io.Reader, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, g.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, res.Trailer, string(data)}
}

func (g *gateway) logged(t *testing.T, prefix string) string {
	t.Helper()
	for _, e := range g.logs.All() {
		if strings.HasPrefix(e.Message, "probe: "+prefix) {
			return e.Message
		}
	}
	t.Errorf("nothing logged that begins with %q", prefix)
	return ""
}

func (g *gateway) count(prefix string) int {
	n := 0
	for _, e := range g.logs.All() {
		if strings.HasPrefix(e.Message, "probe: "+prefix) {
			n++
		}
	}
	return n
}

func TestRequestHeadEdits(t *testing.T) {
	g := serve(t, `request_headers: add 0 x-a 2; set 0 :path "/other?q=%20"; set 0 :authority example.org; set 0 :method PUT; get 0 host; add 0 x-evil "a\r\nb: c"; set 0 :path "no slash"; del 0 :path; get 0 :scheme`, echo)
	a := g.do(t, "GET", "/a%2Fb?x=1", nil, "X-A", "1")
	if want := `PUT /other?q=%20 host=example.org x-a=["1" "2"] length=0 body=`; a.body != want {
		t.Errorf("the backend saw %s\nwant             %s", a.body, want)
	}
	g.logged(t, `  get 0 host -> 0 "example.org"`)
	g.logged(t, `  get 0 :scheme -> 0 "http"`)
}

func TestResponseHeadEdits(t *testing.T) {
	g := serve(t, `response_headers: set 2 :status 201; add 2 x-new v; del 2 x-backend; set 2 :status abc; get 0 :path`, echo)
	a := g.do(t, "GET", "/p", nil)
	if a.status != 201 || a.header.Get("X-New") != "v" || a.header.Get("X-Backend") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	g.logged(t, `  get 0 :path -> 0 "/p"`)
}

func TestARemovedContentTypeIsNotGuessed(t *testing.T) {
	for _, script := range []string{"response_headers: del 2 content-type", "response_headers: setpairs 2 :status=200"} {
		g := serve(t, script, echo)
		if a := g.do(t, "GET", "/", nil); a.header.Get("Content-Type") != "" {
			t.Errorf("%s: %v", script, a.header)
		}
	}
}

func TestBodies(t *testing.T) {
	for _, tc := range []struct{ name, script, sent, want string }{
		{"untouched", `request_body: buf 0 0 99`, "abc", "length=3 body=abc"},
		{"rewritten whole", "request_body@eos: upper 0\nrequest_body: return 1", "abc", "length=3 body=ABC"},
		{"grown", "request_body@eos: setbuf 0 2147483647 0 defg\nrequest_body: return 1", "abc", "length=7 body=abcdefg"},
		{"emptied", "request_body@eos: setbuf 0 0 2147483647\nrequest_body: return 1", "abc", "length=0 body="},
		{"paused at the end", "request_body@eos: tick 10; return 1\nrequest_body: return 1\ntick: effective $stream; continue 0; tick 0", "abc", "body=abc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := serve(t, tc.script, echo)
			a := g.do(t, "POST", "/", strings.NewReader(tc.sent))
			if !strings.HasSuffix(a.body, tc.want) {
				t.Errorf("the backend saw %q, want …%q", a.body, tc.want)
			}
		})
	}
}

func TestChunkedRequestStreams(t *testing.T) {
	got := make(chan string)
	g := serve(t, `request_body: upper 0`, func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 16)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				got <- string(buf[:n])
			}
			if err != nil {
				close(got)
				return
			}
		}
	})
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, "one")
		if first := <-got; first != "ONE" {
			t.Errorf("first chunk %q", first)
		}
		_, _ = io.WriteString(w, "two")
		if second := <-got; second != "TWO" {
			t.Errorf("second chunk %q", second)
		}
		_ = w.Close()
	}()
	g.do(t, "POST", "/", r)
	if _, open := <-got; open {
		t.Error("more than two chunks")
	}
}

func TestResponseBodies(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"rewritten chunk by chunk", `response_body: upper 1`, "ONETWO"},
		{"rewritten whole", "response_body@eos: upper 1; setbuf 1 0 0 <\nresponse_body: return 1", "<ONETWO"},
		{"dropped", "response_body#1: return 3", "two"},
		{"shrunk", "response_body@eos: setbuf 1 0 2147483647 x\nresponse_body: return 1", "x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := serve(t, tc.script, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "6")
				_, _ = io.WriteString(w, "one")
				_, _ = io.WriteString(w, "two")
			})
			a := g.do(t, "GET", "/", nil)
			if a.body != tc.want {
				t.Errorf("body %q, want %q", a.body, tc.want)
			}
			if l := a.header.Get("Content-Length"); l != "" && l != fmt.Sprint(len(a.body)) {
				t.Errorf("Content-Length %s for %d bytes", l, len(a.body))
			}
		})
	}
}

// A change that comes after the length was sent must break the response and not corrupt it.
func TestChangeAfterTheLengthIsOut(t *testing.T) {
	g := serve(t, "response_body#2: setbuf 1 0 0 more\nresponse_body: return 0", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "6")
		_, _ = io.WriteString(w, "one")
		_, _ = io.WriteString(w, "two")
	})
	res, err := g.Client().Get(g.URL)
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if err == nil {
		t.Error("the client saw a whole response")
	}
}

func TestServerSentEventsPassAtOnce(t *testing.T) {
	proceed := make(chan struct{})
	g := serve(t, `response_body: upper 1`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n")
		_ = http.NewResponseController(w).Flush()
		<-proceed
		_, _ = io.WriteString(w, "data: two\n")
	})
	res, err := g.Client().Get(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != "DATA: ONE" {
		t.Errorf("first event %q", lines.Text())
	}
	close(proceed)
	if !lines.Scan() || lines.Text() != "DATA: TWO" {
		t.Errorf("second event %q", lines.Text())
	}
}

func TestLocalReplies(t *testing.T) {
	big := strings.Repeat("x", 100)
	for _, tc := range []struct {
		name, script, sent string
		status             int
		body               string
		backend            bool
	}{
		{"request headers", `request_headers: reply 403 no x-a=1,x-a=2`, "", 403, "no", false},
		{"request body", `request_body: reply 413 big`, big, 413, "big", false},
		{"response headers", `response_headers: reply 502 hidden`, "", 502, "hidden", true},
		{"response body", `response_body: reply 500 replaced`, "", 500, "replaced", true},
		{"own callbacks see it", "request_headers: reply 200 no\nresponse_body: upper 1", "", 200, "NO", false},
		{"paused, then from a tick", "request_headers: tick 10; return 1\ntick: effective $stream; reply 418 tea; tick 0", "", 418, "tea", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reached := false
			g := serve(t, tc.script, func(w http.ResponseWriter, r *http.Request) { reached = true; echo(w, r) })
			method, body := "GET", io.Reader(nil)
			if tc.sent != "" {
				method, body = "POST", strings.NewReader(tc.sent)
			}
			a := g.do(t, method, "/", body)
			if a.status != tc.status || a.body != tc.body || reached != tc.backend {
				t.Errorf("%d %q, backend reached %v", a.status, a.body, reached)
			}
			if a.header.Get("X-Backend") != "" {
				t.Error("a header of the backend's answer is on the plugin's")
			}
			if n := g.count("> delete ctx="); n != 1 {
				t.Errorf("%d ends of the stream", n)
			}
		})
	}
}

func TestLocalReplyToGRPC(t *testing.T) {
	g := serve(t, `request_headers: reply 403 "not you"`, echo)
	a := g.do(t, "POST", "/s/M", strings.NewReader("x"), "Content-Type", "application/grpc")
	if a.status != 200 || a.header.Get("Grpc-Status") != "7" || a.header.Get("Grpc-Message") != "not you" || a.body != "" {
		t.Errorf("%+v", a)
	}
	if g.count("> response_body ctx=") != 0 {
		t.Error("an answer that ends with its head has a body callback")
	}
}

func TestAFailureIsAnsweredToGRPC(t *testing.T) {
	g := serve(t, `request_headers: trap`, echo)
	for range 2 { // the request that fails the instance, and one that finds none
		a := g.do(t, "POST", "/s/M", strings.NewReader("x"), "Content-Type", "application/grpc")
		if a.status != 200 || a.header.Get("Grpc-Status") != "14" || a.body != "" {
			t.Errorf("%+v", a)
		}
	}
}

func TestReplyWhileTheClientIsSilent(t *testing.T) {
	g := serve(t, `request_body: reply 413 "too much"; return 1`, echo)
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	go func() { _, _ = io.WriteString(w, "one") }()
	req, _ := http.NewRequest("POST", g.URL, r)
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 413 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestPauseTimeout(t *testing.T) {
	g := serve(t, `request_headers: return 1`, echo, func(s *plugin.Spec) { s.PauseTimeout = 30 * time.Millisecond })
	if a := g.do(t, "GET", "/", nil); a.status != http.StatusGatewayTimeout {
		t.Errorf("status %d", a.status)
	}
}

// While one request is paused the only instance must serve another.
func TestAPausedStreamHoldsNoInstance(t *testing.T) {
	g := serve(t, strings.Join([]string{
		`request_headers: get 0 x-wait; continue 0; return 1`,
		`request_headers#1: return 0`,
	}, "\n"), echo)
	for range 3 {
		if a := g.do(t, "GET", "/", nil); a.status != 200 {
			t.Errorf("status %d", a.status)
		}
	}
	paused := serve(t, "request_headers: tick 200; return 1\ntick: effective $stream; continue 0; tick 0", echo)
	done := make(chan struct{})
	go func() { defer close(done); paused.do(t, "GET", "/", nil) }()
	<-done
}

func TestClientLeavesWhilePaused(t *testing.T) {
	g := serve(t, `request_headers: return 1`, echo)
	ctx, cancel := context.WithCancel(context.Background())
	req, _ := http.NewRequestWithContext(ctx, "GET", g.URL, nil)
	go func() {
		for g.count("> request_headers") == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if res, err := g.Client().Do(req); err == nil {
		_ = res.Body.Close()
		t.Error("an answer to a cancelled request")
	}
	<-g.errors
	if n := g.count("> delete ctx="); n != 1 {
		t.Errorf("%d ends of the stream", n)
	}
}

func TestFailurePolicies(t *testing.T) {
	fail := func(p plugin.Policy) func(*plugin.Spec) {
		return func(s *plugin.Spec) { s.FailurePolicy, s.Limits.CallTimeout = p, 50*time.Millisecond }
	}
	for _, tc := range []struct{ name, script string }{
		{"request headers", `request_headers: set 0 x-a half; set 0 :path /half; trap`},
		{"loop", `request_headers: set 0 x-a half; loop`},
		{"request body", `request_body: setbuf 0 0 99 half; trap`},
		{"response headers", `response_headers: set 2 x-half 1; trap`},
		{"response body", `response_body: setbuf 1 0 99 half; trap`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			closed := serve(t, tc.script, echo, fail(plugin.PolicyClosed))
			if a := closed.do(t, "POST", "/p", strings.NewReader("abc")); a.status != 503 || a.body != "" {
				t.Errorf("closed: %d %q", a.status, a.body)
			}
			if err := <-closed.errors; err == nil {
				t.Error("closed: no reason")
			}
			open := serve(t, tc.script, echo, fail(plugin.PolicyOpen))
			a := open.do(t, "POST", "/p", strings.NewReader("abc"))
			if want := "POST /p host=" + open.Listener.Addr().String() + " x-a=[] length=3 body=abc"; a.status != 200 || a.body != want || a.header.Get("X-Half") != "" {
				t.Errorf("open: %d %v\n got %s\nwant %s", a.status, a.header, a.body, want)
			}
		})
	}
}

func TestBodyLimits(t *testing.T) {
	small := func(s *plugin.Spec) { s.BodyLimit = 20 << 10 }
	g := serve(t, "request_body: return 1\nresponse_body: return 1", func(w http.ResponseWriter, _ *http.Request) {
		for range 40 {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	}, small)
	if a := g.do(t, "POST", "/", strings.NewReader(strings.Repeat("x", 64<<10))); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("request: %d", a.status)
	}
	if a := g.do(t, "GET", "/", nil); a.status != http.StatusInternalServerError {
		t.Errorf("response: %d", a.status)
	}
}

func TestTrailers(t *testing.T) {
	g := serve(t, strings.Join([]string{
		`request_trailers: get 1 x-sum; set 1 x-sum new`,
		`response_trailers: get 3 x-end; set 3 x-end changed; add 3 x-more 1`,
	}, "\n"), func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-End")
		_, _ = io.WriteString(w, "sum="+r.Trailer.Get("X-Sum"))
		w.Header().Set("X-End", "was")
	})
	req, _ := http.NewRequest("POST", g.URL, struct{ io.Reader }{strings.NewReader("abc")})
	req.Trailer = http.Header{"X-Sum": {"old"}}
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	g.logged(t, `  get 1 x-sum -> 0 "old"`)
	g.logged(t, `  get 3 x-end -> 0 "was"`)
	if string(body) != "sum=new" || res.Trailer.Get("X-End") != "changed" || res.Trailer.Get("X-More") != "1" {
		t.Errorf("body %q, trailers %v", body, res.Trailer)
	}
}

func TestEndOfStreamFlags(t *testing.T) {
	g := serve(t, ``, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	g.do(t, "GET", "/", nil)
	if line := g.logged(t, "> request_headers"); !strings.HasSuffix(line, " 1") {
		t.Errorf("a request without a body ends with its head: %q", line)
	}
	if line := g.logged(t, "> response_headers"); !strings.HasSuffix(line, " 1") {
		t.Errorf("204 ends with its head: %q", line)
	}
	if g.count("> request_body") != 0 || g.count("> response_body") != 0 {
		t.Error("body callbacks without a body")
	}
	g.do(t, "HEAD", "/", nil)
	if g.count("> response_body") != 0 {
		t.Error("a body callback for HEAD")
	}
}

func TestCloseStream(t *testing.T) {
	g := serve(t, `request_headers: close 0; return 1`, echo)
	if res, err := g.Client().Get(g.URL); err == nil {
		_ = res.Body.Close()
		t.Errorf("an answer %d from a closed stream", res.StatusCode)
	}
}

func TestPanicOfTheNextHandler(t *testing.T) {
	g := serve(t, ``, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if res, err := g.Client().Get(g.URL); err == nil {
		_ = res.Body.Close()
		t.Error("an answer after a panic")
	}
	if n := g.count("> delete ctx="); n != 1 {
		t.Errorf("%d ends of the stream", n)
	}
}

func TestUpgradePasses(t *testing.T) {
	g := serve(t, `response_headers: set 2 x-seen 1`, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "echo")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		line, _ := rw.ReadString('\n')
		_, _ = conn.Write([]byte("got " + line))
	})
	conn, err := net.Dial("tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("X-Seen") != "1" {
		t.Fatalf("%v %v", res, err)
	}
	_, _ = io.WriteString(conn, "hello\n")
	if line, _ := reader.ReadString('\n'); line != "got hello\n" {
		t.Errorf("through the upgrade came %q", line)
	}
}

func TestInformationalResponsesPassBy(t *testing.T) {
	g := serve(t, ``, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "ok")
	})
	if a := g.do(t, "GET", "/", nil); a.status != 200 || g.count("> response_headers") != 1 {
		t.Errorf("%d, %d header callbacks", a.status, g.count("> response_headers"))
	}
}

func TestProperties(t *testing.T) {
	g := serve(t, strings.Join([]string{
		`request_headers: prop request|path; prop request|method; prop request|protocol; prop source|address; prop request|headers|x-a; prop response|code; prop request; setprop mine 1; prop mine`,
		`log: prop response|code; prop response|code_details; get 2 x-backend`,
	}, "\n"), echo)
	g.do(t, "GET", "/p?q", nil, "X-A", "1")
	for _, line := range []string{
		`  prop request|path -> 0 "/p?q"`, `  prop request|method -> 0 "GET"`, `  prop request|protocol -> 0 "HTTP/1.1"`,
		`  prop source|address -> 0 "127.0.0.1:`, `  prop request|headers|x-a -> 0 "1"`, `  prop response|code -> 1`,
		`  prop request -> 3`, `  prop mine -> 0 "1"`, `  prop response|code -> 0 "\xc8\x00\x00\x00\x00\x00\x00\x00"`,
		`  prop response|code_details -> 0 "via_upstream"`, `  get 2 x-backend -> 0 "yes"`,
	} {
		g.logged(t, line)
	}
}

func TestPhaseLimitsTheCallbacks(t *testing.T) {
	g := serve(t, `request_headers: set 0 x-a 1`, echo, func(s *plugin.Spec) { s.Phase = "on_request_headers" })
	if a := g.do(t, "POST", "/", strings.NewReader("b")); !strings.Contains(a.body, `x-a=["1"]`) {
		t.Errorf("body %q", a.body)
	}
	if g.count("> request_body") != 0 || g.count("> response_headers") != 0 || g.count("> log") != 0 {
		t.Error("callbacks of other phases ran")
	}
}

func TestBodyCallbacksWhileHeadersAreHeld(t *testing.T) {
	g := serve(t, "request_headers: return 1\nrequest_body@eos: set 0 x-a late; return 0\nrequest_body: return 1", echo,
		func(s *plugin.Spec) { s.AllowOnHeadersStopIteration = true })
	if a := g.do(t, "POST", "/", strings.NewReader("abc")); !strings.Contains(a.body, `x-a=["late"] length=3 body=abc`) {
		t.Errorf("body %q", a.body)
	}
}

// Without a trailers callback the last body callback is the end, trailers or not.
func TestTrailersThatThePluginDoesNotSee(t *testing.T) {
	g := serve(t, "request_body@eos: upper 0\nrequest_body: return 1", echo, func(s *plugin.Spec) { s.Phase = "on_request_body" })
	req, _ := http.NewRequest("POST", g.URL, struct{ io.Reader }{strings.NewReader("abc")})
	req.Trailer = http.Header{"X-Sum": {"old"}}
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if !strings.HasSuffix(string(body), "body=ABC") {
		t.Errorf("the backend saw %q", body)
	}
}

// A body that the plugin holds must not go out because trailers follow.
func TestAHeldResponseWithTrailersStaysHeld(t *testing.T) {
	g := serve(t, "response_body: return 1\nresponse_trailers: return 1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-End")
		_, _ = io.WriteString(w, strings.Repeat("secret", 20_000))
		w.Header().Set("X-End", "1")
	}, func(s *plugin.Spec) { s.PauseTimeout = 100 * time.Millisecond })
	res, err := g.Client().Get(g.URL)
	if err != nil {
		return // cut: nothing went out
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if strings.Contains(string(body), "secret") {
		t.Errorf("%d: %d bytes of the held body", res.StatusCode, len(body))
	}
}

// A tick may let go of a body of which the client has sent only a part, or answer, while the client is silent.
func TestReleaseInTheMiddleOfABody(t *testing.T) {
	got := make(chan string, 1)
	g := serve(t, "request_body: tick 10; return 1\ntick: effective $stream; continue 0; tick 0", func(_ http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 16)
		n, _ := r.Body.Read(buf)
		got <- string(buf[:n])
		_, _ = io.Copy(io.Discard, r.Body)
	})
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, "one")
		if first := <-got; first != "one" {
			t.Errorf("released %q", first)
		}
		_ = w.Close()
	}()
	g.do(t, "POST", "/", r)
}

func TestReplyInTheMiddleOfABody(t *testing.T) {
	g := serve(t, "request_body: tick 10; return 1\ntick: effective $stream; reply 403 no; tick 0", echo)
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	go func() { _, _ = io.WriteString(w, "one") }()
	req, _ := http.NewRequest("POST", g.URL, r)
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 403 {
		t.Errorf("status %d", res.StatusCode)
	}
}
