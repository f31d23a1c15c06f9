package conformance

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/upstream"
)

func httpCalls(s *suite) {
	s.check("O-01", 1, "a call answers OK and a token, and one callback on the root context with the counts, :status among the pairs", callHappyPath)
	s.check("O-02", 1, ":status, headers in lower case, body and trailers can be read in the callback, and not afterwards", callAnswer)
	s.check("O-03", 1, "a call without :method, :path or :authority answers BAD_ARGUMENT", callWithoutPseudo)
	s.check("O-04", 1, "an unknown upstream answers BAD_ARGUMENT", func(t *testing.T) {
		callTo(t, nil, `request_headers: http nobody `+get+``).want(t, `  http nobody `+get+` -> 2`)
	})
	s.check("O-05", 1, "upstreams go by name, as outbound|PORT||HOST, host:port and https://host, the last two when allowed", callByAnyName)
	s.check("O-06", 1, "addresses cannot be called directly unless they are allowed", callDirectDenied)
	s.check("O-07", 1, "a timeout is one callback in its time with :status 504 (profiles kong, apisix: empty)", callTimeout)
	s.check("O-08", 1, "a refused connection and an unknown host are :status 503 (profiles kong, apisix: empty)", callRefused)
	s.check("O-09", 1, "after a failure map 6 can be read: the made-up response, or an empty map, and never BAD_ARGUMENT", callFailedMap)
	s.check("O-10", 2, ":dispatch_status says what went wrong", callDispatchStatus)
	s.check("O-11", 1, "timeout 0 is none of the plugin's", callWithoutTimeout)
	s.check("O-12", 1, "ten calls at once have ten tokens and ten callbacks", callTenAtOnce)
	s.check("O-13", 1, "a call from the callback of a call works", callChain)
	s.check("O-14", 1, "calls from vm_start, configure, tick and queue_ready work", callFromRoot)
	s.check("O-15", 1, "the callback comes once, and not before the callback that made the call has returned", callOrder)
	s.check("O-16", 1, "the callback comes on the instance that made the call", callOwnInstance)
	s.check("O-17", 1, "a body is sent with its length, and trailers are sent", callBodyAndTrailers)
	s.check("O-18", 2, "duplicate headers are kept; hop-by-hop headers and the host are not passed on", callHeaders)
	s.check("O-19", 2, "no redirect is followed, nothing is decompressed, no cookie is kept, nothing is added", callPlain)
	s.check("O-20", 1, "a response above the limit is a failed call", callTooLarge)
	s.check("O-21", 2, "tokens begin at 1, and none is used again while its call is open", callTokens)
	s.check("O-22", 2, "a call to the gateway itself does not dead-lock with one instance", callLoopback)
	s.check("O-23", 2, "get_status gives code and text of a failed call, and (0, \"\") of another", callStatus)
	s.check("O-24", 3, "calls of one stream and of one instance are bounded: INTERNAL_FAILURE", callLimits)
}

// get is a call's headers.
const get = `:method=GET,:path=/call,:authority=auth.test`

// server runs a backend of calls.
func server(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL
}

// yes is a backend that says so.
func yes(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yes") }

// mute is the address of a server that takes connections and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// calling is a gateway whose probe may call the upstream `auth`.
func calling(t *testing.T, address, script string, change ...func(*plugin.Spec)) *gateway {
	t.Helper()
	return serve(t, setup{plugins: []plugin.Spec{probe(script, change...)}, upstreams: map[string]upstream.Settings{"auth": at(address)}})
}

// callTo sends one request through a gateway whose probe calls a backend.
func callTo(t *testing.T, backend http.HandlerFunc, script ...string) *gateway {
	t.Helper()
	if backend == nil {
		backend = yes
	}
	g := calling(t, server(t, backend), lines(script...))
	g.do(t, "GET", "/", nil)
	return g
}

const askAuth = `request_headers: http auth ` + get + ` "" - 60000; return 1`

func callHappyPath(t *testing.T) {
	g := callTo(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-User", "bob")
		w.Header()["Date"] = nil
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "hello")
	}, askAuth, `http_call_response: log 2 $token; log 2 $ctx`+resumeRequest)
	// :status, content-length, content-type, x-user
	g.want(t, `  http auth `+get+` -> 0`, `> http_call_response ctx=1 4 5`, `  log 2 1 -> 0`)
	if n := len(g.find("> http_call_response")); n != 1 {
		t.Errorf("%d callbacks", n)
	}
}

func callAnswer(t *testing.T) {
	g := callTo(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("X-Two", "1")
		w.Header().Add("X-Two", "2")
		w.Header().Set("Trailer", "X-Last")
		_, _ = io.WriteString(w, "hello")
		w.Header().Set("X-Last", "bye")
	}, askAuth, `http_call_response: get 6 :status; pairs 6; get 6 X-TWO; buf 4 1 3; bufstatus 4; get 7 x-last; set 6 x-two no; get 6 x-two; get 7 :status`+resumeRequest,
		`response_headers: get 6 :status; pairs 6; buf 4 0 9; get 7 x-last`)
	g.wantInOrder(t, `  get 6 :status -> 0 "200"`, `  pairs 6 -> 0 `, `  get 6 X-TWO -> 0 "1"`, `  buf 4 1 -> 0 "ell"`, `  bufstatus 4 -> 0 5`,
		`  get 7 x-last -> 0 "bye"`, `  get 6 x-two -> 0 "1"`, `  get 7 :status -> 1`,
		`> response_headers`, `  get 6 :status -> 1`, `  pairs 6 -> 0 0`, `  buf 4 0 -> 1`, `  get 7 x-last -> 1`)
	if pairs := g.find("  pairs 6 -> 0 ")[0]; !strings.Contains(pairs, ` :status="200" `) || !strings.Contains(pairs, ` x-two="1" x-two="2"`) {
		t.Errorf("map 6: %s", pairs)
	}
}

func callWithoutPseudo(t *testing.T) {
	g := callTo(t, nil, `request_headers: http auth :path=/,:authority=a; http auth :method=GET,:authority=a; http auth :method=GET,:path=/; http auth -`)
	for _, headers := range []string{":path=/,:authority=a", ":method=GET,:authority=a", ":method=GET,:path=/", "-"} {
		g.want(t, `  http auth `+headers+` -> 2`)
	}
}

func callByAnyName(t *testing.T) {
	address := strings.TrimPrefix(server(t, yes), "http://")
	_, port, _ := net.SplitHostPort(address)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(yes))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that hang up
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, want := range map[string]string{
		"auth":                             `  get 6 :status -> 0 "200"`,
		"outbound|443||auth":               `  get 6 :status -> 0 "200"`,
		"outbound|80||auth.static":         `  get 6 :status -> 0 "200"`,
		"outbound|8080|v2|auth.dns":        `  get 6 :status -> 0 "200"`,
		address:                            `  get 6 :status -> 0 "200"`,
		"http://" + address:                `  get 6 :status -> 0 "200"`,
		"outbound|" + port + "||127.0.0.1": `  get 6 :status -> 0 "200"`,
		secure.URL:                         `  get 6 :dispatch_status -> 0 "tls handshake failure"`, // nobody has signed its certificate
		strings.TrimPrefix(secure.URL, "https://"): `  get 6 :status -> 0 "400"`, // plain HTTP to a TLS port
	} {
		t.Run(name, func(t *testing.T) {
			g := calling(t, address, lines(
				`request_headers: http `+name+` `+get+` "" - 60000; return 1`,
				`http_call_response: get 6 :status; get 6 :dispatch_status`+resumeRequest), func(s *plugin.Spec) {
				s.Allow.Addresses = []string{address, strings.TrimPrefix(secure.URL, "https://")}
			})
			g.do(t, "GET", "/", nil)
			g.want(t, want)
		})
	}
}

func callDirectDenied(t *testing.T) {
	address := strings.TrimPrefix(server(t, yes), "http://")
	_, port, _ := net.SplitHostPort(address)
	for _, name := range []string{
		address, "http://" + address, "https://" + address, "outbound|" + port + "||127.0.0.1", "169.254.169.254", "localhost:" + port,
		"unix//run/app.sock", "",
	} {
		g := calling(t, address, `request_headers: http "`+name+`" `+get, func(s *plugin.Spec) { s.Allow.Addresses = []string{"other.test:" + port} })
		g.do(t, "GET", "/", nil)
		g.want(t, `  http `+name+` `+get+` -> 2`)
	}
}

// failing lets the probe make one call that fails, under each profile, and returns the gateways' logs: Envoy's and Kong's.
func failing(t *testing.T, address string, timeout time.Duration, inCallback string) (envoy, kong *gateway) {
	t.Helper()
	script := lines(
		fmt.Sprintf(`request_headers: http auth %s "" - %d; return 1`, get, timeout.Milliseconds()),
		`http_call_response: `+inCallback+resumeRequest)
	envoy = calling(t, address, script)
	kong = calling(t, address, script, func(s *plugin.Spec) { s.Profile = proxywasm.ProfileKong })
	for _, g := range []*gateway{envoy, kong} {
		g.do(t, "GET", "/", nil)
		if n := len(g.find("> http_call_response")); n != 1 {
			t.Errorf("%d callbacks", n)
		}
	}
	return envoy, kong
}

func callTimeout(t *testing.T) {
	began := time.Now()
	envoy, kong := failing(t, mute(t), 100*time.Millisecond, `get 6 :status; buf 4 0 99`)
	if took := time.Since(began); took < 200*time.Millisecond || took > patience/2 {
		t.Errorf("two calls with a timeout of 100ms took %s", took)
	}
	envoy.want(t, `> http_call_response ctx=1 3 24`, `  get 6 :status -> 0 "504"`, `  buf 4 0 -> 0 "upstream request timeout"`)
	kong.want(t, `> http_call_response ctx=1 0 0`, `  get 6 :status -> 1`, `  buf 4 0 -> 0 ""`)
}

func callRefused(t *testing.T) {
	for _, address := range []string{closed(t), "no-such-host.invalid:80"} {
		envoy, kong := failing(t, address, time.Minute, `get 6 :status`)
		envoy.want(t, `  get 6 :status -> 0 "503"`)
		kong.want(t, `> http_call_response ctx=1 0 0`, `  get 6 :status -> 1`)
	}
}

func callFailedMap(t *testing.T) {
	envoy, kong := failing(t, closed(t), time.Minute, `get 6 :status; get 6 x-missing; pairs 6; size 6; get 7 x; pairs 7`)
	envoy.want(t, `  get 6 :status -> 0 "503"`, `  get 6 x-missing -> 1`, `  pairs 6 -> 0 3 :status="503"`, `  get 7 x -> 1`, `  pairs 7 -> 0 0`)
	kong.want(t, `  get 6 :status -> 1`, `  get 6 x-missing -> 1`, `  pairs 6 -> 0 0`, `  get 7 x -> 1`, `  pairs 7 -> 0 0`)
}

func callDispatchStatus(t *testing.T) {
	cut := server(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	cutInBody := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	for _, c := range []struct {
		address string
		timeout time.Duration
		want    string
	}{
		{mute(t), 50 * time.Millisecond, "timeout"},
		{closed(t), time.Minute, "broken connection"},
		{cut, time.Minute, "broken connection"},
		{cutInBody, time.Minute, "reader failure"},
		{"no-such-host.invalid:80", time.Minute, "resolver failure"},
	} {
		envoy, kong := failing(t, c.address, c.timeout, `get 6 :dispatch_status`)
		envoy.want(t, `  get 6 :dispatch_status -> 0 "`+c.want+`"`)
		kong.want(t, `  get 6 :dispatch_status -> 0 "`+c.want+`"`)
	}
	callTo(t, nil, askAuth, `http_call_response: get 6 :dispatch_status`+resumeRequest).want(t, `  get 6 :dispatch_status -> 1`)
}

func callWithoutTimeout(t *testing.T) {
	g := callTo(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		yes(w, r)
	}, `request_headers: http auth `+get+` "" - 0; return 1`, `http_call_response: buf 4 0 9`+resumeRequest)
	g.want(t, `  buf 4 0 -> 0 "yes"`)
}

func callTenAtOnce(t *testing.T) {
	const calls = 10
	arrived := make(chan struct{}, calls)
	all := make(chan struct{})
	go func() {
		defer close(all)
		for range calls {
			<-arrived
		}
	}()
	g := callTo(t, func(w http.ResponseWriter, r *http.Request) { // none is answered before all are there
		arrived <- struct{}{}
		<-all
		yes(w, r)
	}, `request_headers: `+strings.Repeat(`http auth `+get+` "" - 60000; log 2 $token; `, calls)+`return 0`, `http_call_response: log 2 $token`)
	g.await(t, 2*calls, "  log 2 ")
	count := map[string]int{}
	for _, line := range g.find("  log 2 ") {
		count[line]++
	}
	if len(count) != calls {
		t.Errorf("%d tokens: %v", len(count), count)
	}
	for line, n := range count {
		if n != 2 {
			t.Errorf("%q stands %d times, want once at the call and once at its answer", line, n)
		}
	}
}

func callChain(t *testing.T) {
	g := callTo(t, nil, askAuth, `http_call_response#1: http auth `+get+` "" - 60000`, `http_call_response#2: buf 4 0 9`+resumeRequest)
	g.want(t, `  buf 4 0 -> 0 "yes"`)
	if n := len(g.find("> http_call_response")); n != 2 {
		t.Errorf("%d callbacks", n)
	}
}

func callFromRoot(t *testing.T) {
	call := `http auth ` + get + ` "" - 60000`
	g := calling(t, server(t, yes), lines(
		`vm_start: `+call, `configure: `+call+`; queue q; enqueue $id x; tick 10`, `tick: tick 0; `+call, `queue_ready: `+call,
		`http_call_response: log 2 $ctx; log 2 $root`))
	g.await(t, 4, "> http_call_response ctx=1 ")
}

func callOrder(t *testing.T) {
	const busy = 50
	g := callTo(t, nil, `request_headers: http auth `+get+` "" - 60000; `+strings.Repeat("time; ", busy)+`log 2 returning; return 1`,
		`http_call_response: buf 4 0 9`+resumeRequest)
	g.wantInOrder(t, `  http auth `+get+` -> 0`, `  log 2 returning -> 0`, `> http_call_response`)
	if n := len(g.find("> http_call_response")); n != 1 {
		t.Errorf("%d callbacks", n)
	}
}

func callOwnInstance(t *testing.T) {
	const instances = 4
	release := map[string]chan struct{}{}
	for i := range instances {
		release[fmt.Sprintf("/%d", i)] = make(chan struct{})
	}
	arrived := make(chan struct{}, instances)
	g := calling(t, server(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release[r.URL.Path]
		yes(w, r)
	}), lines(`request_headers: get 0 x-call; http auth $val "" - 60000; return 1`,
		`http_call_response: effective $stream; continue 0`), func(s *plugin.Spec) { s.Instances = instances })
	// Each request is on another instance, and its call is the only one there. The calls are answered one by one, the last
	// first: each answer must let go its own request.
	ended := make([]chan error, instances)
	for i := range ended {
		ended[i] = make(chan error, 1)
		go func() {
			_, err := g.try("GET", fmt.Sprintf("/%d", i), nil, "X-Call", fmt.Sprintf(":method=GET,:path=/%d,:authority=a", i))
			ended[i] <- err
		}()
		<-arrived
	}
	for i := range slices.Backward(ended) {
		close(release[fmt.Sprintf("/%d", i)])
		select {
		case err := <-ended[i]:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatalf("request %d does not go on when its call is answered", i)
		}
	}
}

func callBodyAndTrailers(t *testing.T) {
	seen := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s length=%d body=%s trailers=%v", r.Method, r.ContentLength, body, r.Trailer)
	}
	const post = `:method=POST,:path=/,:authority=a,content-length=99`
	g := callTo(t, seen, `request_headers: http auth `+post+` hello - 60000; return 1`,
		`http_call_response#1: buf 4 0 99; http auth `+post+` hello x-last=bye,content-length=7 60000`,
		`http_call_response#2: buf 4 0 99; http auth `+post+` "" x-last=bye 60000`,
		`http_call_response#3: buf 4 0 99; http auth :method=GET,:path=/,:authority=a "" - 60000`,
		`http_call_response#4: buf 4 0 99`+resumeRequest)
	g.wantInOrder(t, `  buf 4 0 -> 0 "POST length=5 body=hello trailers=map[]"`,
		`  buf 4 0 -> 0 "POST length=-1 body=hello trailers=map[X-Last:[bye]]"`,
		`  buf 4 0 -> 0 "POST length=-1 body= trailers=map[X-Last:[bye]]"`,
		`  buf 4 0 -> 0 "GET length=0 body= trailers=map[]"`)
}

func callHeaders(t *testing.T) {
	seen := make(chan *http.Request, 1)
	callTo(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r },
		`request_headers: http auth `+get+`,x-a=1,X-A=2,x-empty=,connection=x-secret,x-secret=1,te=trailers,transfer-encoding=chunked,`+
			`upgrade=h2c,keep-alive=1,proxy-connection=x,host=evil,content-length=7 "" - 60000; return 1`,
		`http_call_response: effective $stream; continue 0`)
	r := <-seen
	if r.Host != "auth.test" || r.ContentLength != 0 || len(r.TransferEncoding) != 0 {
		t.Errorf("host %q, length %d, transfer encoding %q", r.Host, r.ContentLength, r.TransferEncoding)
	}
	want := http.Header{"X-A": {"1", "2"}, "X-Empty": {""}}
	if got := fmt.Sprint(r.Header); got != fmt.Sprint(want) {
		t.Errorf("headers %s, want %s", got, fmt.Sprint(want))
	}
}

func callPlain(t *testing.T) {
	g := callTo(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusFound)
		z := gzip.NewWriter(w)
		_, _ = fmt.Fprint(z, r.Header)
		_ = z.Close()
	}, askAuth, `http_call_response#1: get 6 :status; get 6 location; get 6 content-encoding; buf 4 0 2; http auth `+get+` "" - 60000`,
		`http_call_response#2: buf 4 0 2`+resumeRequest)
	g.wantInOrder(t, `  get 6 :status -> 0 "302"`, `  get 6 location -> 0 "/elsewhere"`, `  get 6 content-encoding -> 0 "gzip"`,
		`  buf 4 0 -> 0 "\x1f\x8b"`, `  buf 4 0 -> 0 "\x1f\x8b"`)
	seen := make(chan http.Header, 2)
	callTo(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		w.Header().Set("Set-Cookie", "a=b")
	}, askAuth, `http_call_response#1: http auth `+get+` "" - 60000`, `http_call_response#2: effective $stream; continue 0`)
	for range 2 {
		if h := <-seen; len(h) != 0 {
			t.Errorf("a call without headers was sent with %v", h)
		}
	}
}

func callTooLarge(t *testing.T) {
	g := callTo(t, func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 1<<20)
		for range 5 {
			_, _ = w.Write(block)
		}
	}, askAuth, `http_call_response: get 6 :status; status; buf 4 0 9`+resumeRequest)
	g.want(t, `> http_call_response ctx=1 0 0`, `  get 6 :status -> 1`, `  status -> 0 11 "the response is larger`, `  buf 4 0 -> 0 ""`)
}

func callTokens(t *testing.T) {
	release := make(chan struct{})
	g := calling(t, server(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
	}), lines(`request_headers: http auth :method=GET,:path=/slow,:authority=a "" - 60000; log 2 $token; http auth `+get+` "" - 60000; log 2 $token; return 1`,
		`http_call_response#4: log 2 released`, `http_call_response: effective $stream; continue 0`))
	for range 3 {
		g.do(t, "GET", "/", nil)
	}
	close(release)
	g.await(t, 6, "> http_call_response")
	for i, line := range g.find("  log 2 ")[:6] {
		if want := fmt.Sprintf("  log 2 %d -> 0", i+1); line != want {
			t.Errorf("token %d: %q", i+1, line)
		}
	}
}

func callLoopback(t *testing.T) {
	var g *gateway
	g = calling(t, server(t, func(w http.ResponseWriter, _ *http.Request) {
		a, err := g.try("GET", "/inner", nil)
		_, _ = fmt.Fprint(w, a.status, err)
	}), lines(`request_body@eos: http auth `+get+` "" - 60000; return 1`, `http_call_response: buf 4 0 99; effective 2; continue 0`))
	g.do(t, "POST", "/", strings.NewReader("x"))
	g.want(t, `  buf 4 0 -> 0 "200 <nil>"`)
}

func callStatus(t *testing.T) {
	envoy, kong := failing(t, closed(t), time.Minute, `status`)
	envoy.want(t, `  status -> 0 11 "upstream `)
	kong.want(t, `  status -> 0 11 "upstream `)
	callTo(t, nil, `request_headers: status; http auth `+get+`; return 1`, `http_call_response: status`+resumeRequest).
		wantInOrder(t, `  status -> 0 0 ""`, `> http_call_response`, `  status -> 0 0 ""`)
}

func callLimits(t *testing.T) {
	release := make(chan struct{})
	script := lines(`request_headers: http auth `+get+` a - 60000; http auth `+get+` b - 60000; http auth `+get+` c - 60000`,
		`http_call_response: effective $root; http auth `+get+` d - 60000`)
	for _, limit := range []func(*plugin.Spec){
		func(s *plugin.Spec) { s.Limits.StreamCalls = 2 },
		func(s *plugin.Spec) { s.Limits.Calls = 2 },
	} {
		g := calling(t, server(t, func(http.ResponseWriter, *http.Request) { <-release }), script, limit)
		g.do(t, "GET", "/", nil)
		calls := g.find(`  http auth `)
		if len(calls) != 3 || !strings.HasSuffix(calls[1], " -> 0") || !strings.HasSuffix(calls[2], " -> 10") {
			t.Errorf("three calls where two are allowed: %q", calls)
		}
	}
	close(release)
}
