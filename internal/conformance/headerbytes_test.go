package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

func headersOnTheWire(s *suite) {
	s.check("H-24", 1, "a line break or NUL in a header never leaves the gateway; OK, and one warning", testInvalidBytes)
	s.check("H-25", 1, "bytes from 0x80 pass unchanged in both directions", testLatin1)
	s.check("H-31", 1, "without content-length a request goes on chunked, with another one it has that length", testRequestLength)
	s.check("H-37", 2, "informational responses pass without a callback", func(t *testing.T) {
		g := serve(t, setup{plugins: probes(""), backend: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a.css>")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusProcessing)
			_, _ = io.WriteString(w, "final")
		}})
		got := g.raw(t, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		for _, want := range []string{"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n", "HTTP/1.1 102 Processing\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nfinal"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in %q", want, got)
			}
		}
		if calls := g.find("> response_headers"); len(calls) != 1 {
			t.Errorf("callbacks %q", calls)
		}
	})
}

func testInvalidBytes(t *testing.T) {
	script := []string{
		`request_headers: set 0 x-a "1\r\nX-Smuggled: yes"; add 0 x-b "\n"; set 0 x-c "nul\0"; set 0 "x bad" 1; add 0 "x:y\r\nX-Smuggled" 1; set 0 :path "/ HTTP/1.1\r\nX-Smuggled: 1"; set 0 host "a\r\nX-Smuggled: 1"; setpairs 0 "x-d=1\r\nX-Smuggled: 1,x-ok=1"`,
		`response_headers: set 2 x-a "1\r\nX-Smuggled: yes"; add 2 "x-b\nX-Smuggled" 1; set 2 x-c "nul\0"`,
	}
	var seen http.Header
	g := serve(t, setup{plugins: probes(lines(script...)), backend: upstreamed(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		_, _ = io.WriteString(w, r.RequestURI+" "+r.Host)
	})})
	got := g.raw(t, "GET /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if !strings.HasSuffix(got, "/p h") || seen.Get("X-Ok") != "1" || strings.Contains(strings.ToLower(got), "smuggled") ||
		strings.Contains(strings.ToLower(fmt.Sprint(seen)), "smuggled") {
		t.Errorf("upstream got %v, client %q", seen, got)
	}
	for _, name := range []string{"X-A", "X-B", "X-C", "X-D", "X bad"} {
		if len(seen[name]) > 0 || strings.Contains(got, "\r\n"+name) {
			t.Errorf("%s got through: %v %q", name, seen, got)
		}
	}
	for _, command := range []string{"  set 0", "  add 0", "  setpairs 0", "  set 2", "  add 2"} {
		for _, line := range g.find(command) {
			if !strings.HasSuffix(line, "-> 0") {
				t.Errorf("%s", line)
			}
		}
	}
	if n := countContaining(g.reasons(), "control characters"); n != 3 { // replace, add and set pairs, once each
		t.Errorf("%d warnings of values: %q", n, g.reasons())
	}
}

func countContaining(list []string, part string) int {
	n := 0
	for _, s := range list {
		if strings.Contains(s, part) {
			n++
		}
	}
	return n
}

func testLatin1(t *testing.T) {
	var seen []string
	g := serve(t, setup{
		plugins: probes("request_headers: get 0 x-in; add 0 x-made \"\\xe9\\xff\"\nresponse_headers: get 2 x-out; set 2 x-made \"\\x80\\xfe\""),
		backend: upstreamed(t, func(w http.ResponseWriter, r *http.Request) {
			seen = []string{r.Header.Get("X-In"), r.Header.Get("X-Made")}
			w.Header().Set("X-Out", "caf\xe9 \xf6")
		}),
	})
	got := g.raw(t, "GET / HTTP/1.1\r\nHost: h\r\nX-In: \xe4\xf6\xfc\x80\xff\r\nConnection: close\r\n\r\n")
	if len(seen) != 2 || seen[0] != "\xe4\xf6\xfc\x80\xff" || seen[1] != "\xe9\xff" {
		t.Errorf("upstream got %q", seen)
	}
	if !strings.Contains(got, "X-Out: caf\xe9 \xf6\r\n") || !strings.Contains(got, "X-Made: \x80\xfe\r\n") {
		t.Errorf("client got %q", got)
	}
	g.want(t, `  get 0 x-in -> 0 "\xe4\xf6\xfc\x80\xff"`, `  get 2 x-out -> 0 "caf\xe9 \xf6"`)
}

func testRequestLength(t *testing.T) {
	framing := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%d %v %s", r.ContentLength, r.TransferEncoding, body)
	}
	for _, tc := range []struct{ script, body, want string }{
		{"del 0 content-length; get 0 content-length", "Content-Length: 5\r\n\r\nhello", "-1 [chunked] hello"},
		{"get 0 transfer-encoding; set 0 content-length 5; get 0 content-length", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "5 [] hello"},
		{"set 0 content-length 7; add 0 transfer-encoding gzip; set 0 content-length x", "\r\n", "0 [] "},
	} {
		g := serve(t, setup{plugins: probes("request_headers: " + tc.script), backend: upstreamed(t, framing)})
		got := g.raw(t, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"+tc.body)
		if !strings.HasSuffix(got, "\r\n\r\n"+tc.want) {
			t.Errorf("%s: upstream got %q, want %q", tc.script, got, tc.want)
		}
	}
}

func serializedMaps(s *suite) {
	s.check("H-15", 2, "the size of a map is that of its serialized pairs", func(t *testing.T) {
		g := one(t, "request_headers: setpairs 0 :path=/p,:method=GET,:authority=h,x-a=1; size 0; size 1")
		g.get(t, "/")
		size := abi.PairsSize([]abi.Pair{
			{Name: ":authority", Value: "h"},
			{Name: ":path", Value: "/p"},
			{Name: ":method", Value: "GET"},
			{Name: ":scheme", Value: "http"},
			{Name: "x-a", Value: "1"},
		})
		g.want(t, fmt.Sprintf("  size 0 -> 0 %d", size), "  size 1 -> 0 4")
	})
	s.check("H-16", 1, "a map that the ABI does not have is BAD_ARGUMENT for all seven functions", func(t *testing.T) {
		g := one(t, "request_headers: size 8; pairs 8; setpairs 8 a=b; get 8 x; add 8 x 1; set 8 x 1; del 8 x")
		g.get(t, "/")
		g.want(t, "  size 8 -> 2", "  pairs 8 -> 2", "  setpairs 8 a=b -> 2", "  get 8 x -> 2", "  add 8 x -> 2", "  set 8 x -> 2", "  del 8 x -> 2")
	})
	s.check("H-30", 1, "an empty map is four zero bytes", func(t *testing.T) {
		g := one(t, "request_headers: pairs 1; pairs 2; size 3")
		g.get(t, "/")
		g.want(t, "  pairs 1 -> 0 0", "  pairs 2 -> 0 0", "  size 3 -> 0 4")
		if empty := abi.AppendPairs(nil, nil); string(empty) != "\x00\x00\x00\x00" {
			t.Errorf("%q", empty)
		}
	})
	s.check("H-34", 1, "pairs that cannot be decoded are an empty map: no trap, no panic", func(t *testing.T) {
		g := serve(t, setup{plugins: raws(t, "brokenpairs")})
		for range 2 {
			if a := g.do(t, http.MethodGet, "/p", nil, "X-A", "1"); a.status != http.StatusCreated {
				t.Fatalf("%+v", a)
			}
		}
		if n := count(g.messages(), "000000"); n != 2 {
			t.Errorf("the statuses are %q", g.messages())
		}
	})
	s.check("H-35", 1, "pairs are serialized byte for byte as the ABI says", testGoldenPairs)
	s.check("H-36", 2, "the Rust SDK reads no headers, a few and a hundred", testRustReadsHeaders)
}

func testRustReadsHeaders(t *testing.T) {
	g := serve(t, setup{plugins: raws(t, "read-headers")})
	for _, n := range []int{0, 1, 100} {
		request, values := "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n", []string{}
		for i := range n {
			values = append(values, strconv.Itoa(i))
			request += fmt.Sprintf("X-A: %d\r\nX-%d: v\r\n", i, i)
		}
		all := 5 + 2*n // with four pseudo headers and connection, and no trailers
		want := fmt.Sprintf("%d %d %d 0 %s", all, all, all, strings.Join(values, "+"))
		if got := g.raw(t, request+"\r\n"); !strings.HasSuffix(got, "\r\n\r\n"+want) {
			t.Errorf("%d headers: %q, want %q", n, got, want)
		}
	}
}

func testGoldenPairs(t *testing.T) {
	g := serve(t, setup{plugins: raws(t, "dump")})
	got := g.raw(t, "GET /p HTTP/1.1\r\nHost: h\r\nX-B: v\r\nX-A: \xff \r\nConnection: close\r\n\r\n")
	want := "\x07\x00\x00\x00" +
		"\x0a\x00\x00\x00\x01\x00\x00\x00" + "\x05\x00\x00\x00\x02\x00\x00\x00" + "\x07\x00\x00\x00\x03\x00\x00\x00" +
		"\x07\x00\x00\x00\x04\x00\x00\x00" + "\x0a\x00\x00\x00\x05\x00\x00\x00" + "\x03\x00\x00\x00\x01\x00\x00\x00" +
		"\x03\x00\x00\x00\x01\x00\x00\x00" +
		":authority\x00h\x00" + ":path\x00/p\x00" + ":method\x00GET\x00" + ":scheme\x00http\x00" + "connection\x00close\x00" +
		"x-a\x00\xff\x00" + "x-b\x00v\x00"
	if !strings.HasSuffix(got, "\r\n\r\n"+want) {
		t.Errorf("%q", got)
	}
	binary := abi.AppendPairs(nil, []abi.Pair{{Name: "a", Value: "1\x002"}})
	if string(binary) != "\x01\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00a\x001\x002\x00" {
		t.Errorf("%q", binary)
	}
}
