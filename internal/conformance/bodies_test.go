package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

func bodies(s *suite) {
	requestBodies(s)
	buffers(s)
	changedBodies(s)
	responseBodies(s)
	bodiesOnTheWire(s)
}

// chunked hides the length of a body, so that it is sent in chunks.
func chunked(text string) io.Reader { return struct{ io.Reader }{strings.NewReader(text)} }

// answering is a backend with one answer, written in pieces and with a Content-Length.
func answering(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(strings.Join(pieces, ""))))
		for _, piece := range pieces {
			_, _ = io.WriteString(w, piece)
		}
	}
}

// whole accumulates a body and does something at its end.
func whole(direction, atEnd string) string {
	return direction + "_body@eos: " + atEnd + "\n" + direction + "_body: return 1"
}

func requestBodies(s *suite) {
	s.check("B-01", 1, "a request without a body ends with its headers and has no body callback", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		g.do(t, "GET", "/", nil)
		g.wantEnd(t, "> request_headers", 1)
		g.wantNot(t, "> request_body")
	})
	s.check("B-02", 1, "a request with a body does not end with its headers; its last body callback ends it", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		g.do(t, "POST", "/", strings.NewReader("abc"))
		g.wantEnd(t, "> request_headers", 0)
		g.wantEnd(t, "> request_body", 1)
	})
	s.check("B-03", 1, "an empty chunked body is a body callback of size 0 that ends the request", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		g.do(t, "POST", "/", chunked(""))
		g.wantEnd(t, "> request_headers", 0)
		if found := g.find("> request_body"); len(found) != 1 || !strings.HasSuffix(found[0], " 0 1") {
			t.Errorf("body callbacks %q, want one of size 0 with the end", found)
		}
	})
	s.check("B-04", 1, "a plugin that continues streams: the backend has the first bytes before the client sends the last", func(t *testing.T) {
		got := make(chan string)
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_body: upper 0")}, backend: pieceByPiece(got)})
		sendPieces(t, g, got, "one", "two")
	})
	s.check("B-05", 1, "after a pause the next body callback says the size of all that has come", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(whole("request", "return 0"))}})
		g.do(t, "POST", "/", chunked(strings.Repeat("x", 50_000)))
		sizes := g.sizes(t, "> request_body")
		for i := 1; i < len(sizes); i++ {
			if sizes[i] < sizes[i-1] {
				t.Errorf("sizes %v do not grow", sizes)
			}
		}
		if len(sizes) < 3 || sizes[len(sizes)-1] != 50_000 {
			t.Errorf("sizes %v, want several up to 50000", sizes)
		}
	})
	s.check("B-06", 1, "a body that was accumulated can be read whole", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(whole("request", "buf 0 0 100"))}})
		g.do(t, "POST", "/", chunked("the whole body"))
		g.want(t, `  buf 0 0 -> 0 "the whole body"`)
	})
	s.check("B-19", 1, "a plugin that takes a chunk (action 3) keeps it from the backend, and sees only the next one next", func(t *testing.T) {
		got := make(chan string)
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_body#1: return 3\nrequest_body: buf 0 0 9")}, backend: pieceByPiece(got)})
		r, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, "taken")
			g.await(t, 1, "> request_body")
			_, _ = io.WriteString(w, "kept")
			_ = w.Close()
		}()
		go func() { _, _ = g.try("POST", "/", r) }()
		if text := strings.Join(all(got), ""); text != "kept" {
			t.Errorf("the backend got %q", text)
		}
		g.want(t, `  buf 0 0 -> 0 "kept"`)
	})
	s.check("B-20", 1, "a held body over its limit is 413 for a request, 500 for a response, and the stream ends in order", func(t *testing.T) {
		small := func(s *plugin.Spec) { s.BodyLimit = 20 << 10 }
		script := lines("request_body: return 1", "response_body: return 1")
		g := serve(t, setup{plugins: []plugin.Spec{probe(script, small)}, backend: answering(strings.Repeat("y", 64<<10))})
		if a := g.do(t, "POST", "/", strings.NewReader(strings.Repeat("x", 64<<10))); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("request: %d", a.status)
		}
		if a := g.do(t, "GET", "/", nil); a.status != http.StatusInternalServerError || a.body != "" {
			t.Errorf("response: %d with %d bytes", a.status, len(a.body))
		}
		g.wantEnds(t, 2)
	})
}

func buffers(s *suite) {
	one := func(t *testing.T, commands string, change ...func(*plugin.Spec)) *gateway {
		t.Helper()
		g := serve(t, setup{plugins: []plugin.Spec{probe(whole("request", commands), change...)}})
		g.do(t, "POST", "/", strings.NewReader("abcdefgh"))
		return g
	}
	s.check("B-07", 1, "reading beyond the end of a buffer gives what there is", func(t *testing.T) {
		one(t, "buf 0 0 1073741824; buf 0 6 99").want(t, `  buf 0 0 -> 0 "abcdefgh"`, `  buf 0 6 -> 0 "gh"`)
	})
	s.check("B-08", 1, "reading behind the end of a buffer is OK and empty", func(t *testing.T) {
		one(t, "buf 0 8 1; buf 0 99 1").want(t, `  buf 0 8 -> 0 ""`, `  buf 0 99 -> 0 ""`)
	})
	s.check("B-09", 1, "a range that overflows 32 bits is BAD_ARGUMENT", func(t *testing.T) {
		one(t, "buf 0 1 4294967295").want(t, "  buf 0 1 -> 2")
	})
	s.check("B-10", 1, "reading from the middle gives that range", func(t *testing.T) {
		one(t, "buf 0 3 4").want(t, `  buf 0 3 -> 0 "defg"`)
	})
	s.check("B-11", 1, "a number that is no buffer is BAD_ARGUMENT; a buffer that is not there now is NOT_FOUND", func(t *testing.T) {
		one(t, "buf 10 0 1; buf 77 0 1; buf 1 0 1; buf 4 0 1; bufstatus 1").want(t,
			"  buf 10 0 -> 2", "  buf 77 0 -> 2", "  buf 1 0 -> 1", "  buf 4 0 -> 1", "  bufstatus 1 -> 1")
	})
	s.check("B-15", 1, "buffers that only can be read answer BAD_ARGUMENT to a write", func(t *testing.T) {
		one(t, "setbuf 4 0 0 x; setbuf 6 0 0 x; setbuf 7 0 0 x; setbuf 1 0 0 x; setbuf 99 0 0 x").want(t,
			"  setbuf 4 0 -> 2", "  setbuf 6 0 -> 2", "  setbuf 7 0 -> 2", "  setbuf 1 0 -> 2", "  setbuf 99 0 -> 2")
	})
	s.check("B-25", 1, "proxy_get_buffer_status gives the whole length", func(t *testing.T) {
		one(t, "bufstatus 0; bufstatus 7").want(t, "  bufstatus 0 -> 0 8", "  bufstatus 7 -> 0 ")
	})
	s.check("B-26", 2, "a body cannot be read after its phase, nor the one of another stream", func(t *testing.T) {
		script := lines("request_body: buf 0 0 9", "response_headers: buf 0 0 9; bufstatus 0", "log: buf 0 0 9; buf 1 0 9")
		g := serve(t, setup{plugins: []plugin.Spec{probe(script)}})
		g.do(t, "POST", "/", strings.NewReader("secret"))
		g.do(t, "GET", "/", nil)
		for _, line := range g.find("  buf") {
			if !strings.Contains(line, " -> 1") && !strings.Contains(line, "secret") {
				t.Errorf("%q: want NOT_FOUND", line)
			}
		}
		if found := g.find(`  buf 0 0 -> 0 "secret"`); len(found) != 1 {
			t.Errorf("read %d times, want only in its own callback", len(found))
		}
	})
}

func responseBodies(s *suite) {
	s.check("B-21", 1, "response bodies are held, read, changed and dropped as request bodies are", func(t *testing.T) {
		for _, e := range append(edits(), struct{ name, command, want string }{"splice", "setbuf %d 2 2 XYZ", "abXYZef"}) {
			edited(t, 1, e.command, e.want)
		}
		g := serve(t, setup{plugins: []plugin.Spec{probe(whole("response", "buf 1 0 99; buf 1 3 2; buf 1 9 1; bufstatus 1"))}, backend: answering("abc", "def")})
		g.do(t, "GET", "/", nil)
		g.want(t, `  buf 1 0 -> 0 "abcdef"`, `  buf 1 3 -> 0 "de"`, `  buf 1 9 -> 0 ""`, `  bufstatus 1 -> 0 6`)
		if sizes := g.sizes(t, "> response_body"); fmt.Sprint(sizes) != "[3 6 6]" {
			t.Errorf("sizes %v, want [3 6 6]", sizes)
		}
		taken := serve(t, setup{plugins: []plugin.Spec{probe("response_body#1: return 3")}, backend: answering("abc", "def")})
		if a := taken.do(t, "GET", "/", nil); a.body != "def" {
			t.Errorf("body %q after its first chunk was taken", a.body)
		}
	})
	s.check("B-23", 1, "responses without a body (HEAD, 204, 304) end with their headers and have no body callback", func(t *testing.T) {
		for _, c := range []struct {
			method string
			status int
		}{{"HEAD", 200}, {"GET", 204}, {"GET", 304}} {
			g := serve(t, setup{plugins: []plugin.Spec{probe("")}, backend: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) }})
			g.do(t, c.method, "/", nil)
			g.wantEnd(t, "> response_headers", 1)
			g.wantNot(t, "> response_body")
		}
	})
	s.check("B-31", 2, "a change of length after a Content-Length went out cuts the response and is logged; one of the same length passes", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("response_body#2: setbuf 1 0 0 more")}, backend: answering("abc", "def")})
		if a, err := g.try("GET", "/", nil); err == nil {
			t.Errorf("the client takes %q for the whole response", a.body)
		}
		eventually(t, "the reason in the log", func() bool { return g.logs.FilterMessageSnippet("cutting a response").Len() == 1 })
		same := serve(t, setup{plugins: []plugin.Spec{probe("response_body#2: setbuf 1 0 3 XYZ")}, backend: answering("abc", "def")})
		if a := same.do(t, "GET", "/", nil); a.body != "abcXYZ" {
			t.Errorf("body %q", a.body)
		}
	})
	s.check("B-27", 2, "the second plugin sees the body as the first has changed it, in both directions", func(t *testing.T) {
		first := lines(whole("request", "setbuf 0 0 0 1"), whole("response", "buf 1 0 99; setbuf 1 0 0 1"))
		second := lines(whole("request", "buf 0 0 99; setbuf 0 0 0 2"), whole("response", "setbuf 1 0 0 2"))
		g := serve(t, setup{plugins: []plugin.Spec{probe(first), probe(second, func(s *plugin.Spec) { s.Name = "second" })}, backend: readingBackend})
		if a := g.do(t, "POST", "/", strings.NewReader("abc")); a.body != "12length=5 21abc" {
			t.Errorf("body %q", a.body)
		}
		g.want(t, `  buf 0 0 -> 0 "1abc"`, `  buf 1 0 -> 0 "2length=5 21abc"`)
	})
}
