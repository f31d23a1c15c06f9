package datapath

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// witness is a backend that remembers what it was asked for.
type witness struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newWitness(t testing.TB) *witness {
	t.Helper()
	w := &witness{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.seen = append(w.seen, r.Method+" "+r.RequestURI+" "+string(data))
		w.mu.Unlock()
		if len(r.Header["Injected"]) > 0 {
			t.Errorf("a header was injected by %s %s", r.Method, r.RequestURI)
		}
		_, _ = io.WriteString(rw, "ok")
	}))
	t.Cleanup(w.Close)
	return w
}

// requests are those that were seen since the last call.
func (w *witness) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

// TestAmbiguousFraming has requests over HTTP/1.1 that two readers may take differently refused, or read in one way only: the
// backend never sees the request that is hidden in them.
func TestAmbiguousFraming(t *testing.T) {
	t.Parallel()
	const post, hidden = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
	w := newWitness(t)
	g := start(t, toBackend+upstream([]string{w.Listener.Addr().String()}))
	for name, request := range map[string]string{
		"two lengths":                   post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab" + hidden,
		"a list of lengths":             post + "Content-Length: 0, 40\r\n\r\n" + hidden,
		"a signed length":               post + "Content-Length: +0\r\n\r\n" + hidden,
		"a hexadecimal length":          post + "Content-Length: 0x0\r\n\r\n" + hidden,
		"a length with a space":         post + "Content-Length : 40\r\n\r\n" + hidden,
		"a folded length":               post + "Content-Length:\r\n 40\r\n\r\n" + hidden,
		"an unknown coding":             post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two codings":                   post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunked, then identity":        post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"a coding behind a tab":         post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" + hidden,
		"a coding with a space":         post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a bare CR in a value":          "GET / HTTP/1.1\r\nHost: a\r\nX: a\rInjected: 1\r\n\r\n",
		"NUL in a name":                 "GET / HTTP/1.1\r\nHost: a\r\nX\x00: a\r\n\r\n",
		"a chunk's size with a sign":    post + "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n" + hidden,
		"a chunk's size with 0x":        post + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" + hidden,
		"a chunk's size beyond 64 bits": post + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + hidden,
		"a chunk that is too long":      post + "Transfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n0\r\n\r\n" + hidden,
		"two hosts":                     "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"no host":                       "GET / HTTP/1.1\r\n\r\n",
		"a space in the target":         "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
		"a space in the method":         "GE T / HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		conn := dial(t, g.plain, false)
		_, _ = io.WriteString(conn, request)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			if res.StatusCode < 400 {
				t.Errorf("%s: %s", name, res.Status)
			}
			_ = res.Body.Close()
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // what is hidden would be served by then, if anything were
		_, _ = io.Copy(io.Discard, conn)
		if seen := w.requests(); len(seen) > 0 {
			t.Errorf("%s: the backend sees %q", name, seen)
		}
	}
}

// TestFramingThatIsReadOneWay is what RFC 9112 permits a server to accept: the backend sees what the gateway saw, framed anew.
func TestFramingThatIsReadOneWay(t *testing.T) {
	t.Parallel()
	const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	w := newWitness(t)
	g := start(t, toBackend+upstream([]string{w.Listener.Addr().String()}))
	for name, test := range map[string]struct {
		request string
		want    []string
	}{
		"the same length twice": {"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", []string{"POST / ab"}},
		"a length and chunks": { // the length is dropped, and the connection ends with the response
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", []string{"POST / ab"},
		},
		"a coding in HTTP/1.0": {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, []string{"POST / "}},
		"HTTP/1.2":             {"GET / HTTP/1.2\r\nHost: a\r\nConnection: close\r\n\r\n", []string{"GET / "}},
		"lines that end in LF": {"GET / HTTP/1.1\nHost: a\nConnection: close\n\n", []string{"GET / "}},
		"extensions of chunks": {"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"\xe9\"\r\nab\r\n0\r\n\r\n", []string{"POST / ab"}},
		"two requests at once": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" + hidden, []string{"POST / ab", "GET /hidden "}},
	} {
		conn := dial(t, g.plain, false)
		_, _ = io.WriteString(conn, test.request)
		_, _ = io.Copy(io.Discard, conn)
		if seen := w.requests(); !slices.Equal(seen, test.want) {
			t.Errorf("%s: the backend sees %q", name, seen)
		}
	}
}

// TestHTTP2ToHTTP1 sends by HTTP/2 what would be something else in HTTP/1.1, frame by frame. It is refused, or cannot be taken for
// anything else.
func TestHTTP2ToHTTP1(t *testing.T) {
	t.Parallel()
	w := newWitness(t)
	g := start(t, toBackend+upstream([]string{w.Listener.Addr().String()}))
	const injection = "a\r\nInjected: 1"
	for name, test := range map[string]struct {
		fields []string // instead of, or beside, a plain POST's
		want   []string // what the backend may see; nil: nothing
	}{
		"a line end in a value":         {fields: []string{"x", injection}},
		"LF in a value":                 {fields: []string{"x", "a\nInjected: 1"}},
		"NUL in a value":                {fields: []string{"x", "a\x00"}},
		"a line end in a name":          {fields: []string{injection, "a"}},
		"a colon in a name":             {fields: []string{"injected: 1\r\nx", "a"}},
		"capitals in a name":            {fields: []string{"X-Mine", "a"}},
		"a line end in the path":        {fields: []string{":path", "/" + injection}},
		"a request in the path":         {fields: []string{":path", "/ HTTP/1.1\r\nHost: a\r\n\r\nGET /hidden"}},
		"a line end in the authority":   {fields: []string{":authority", injection}},
		"a space in the authority":      {fields: []string{":authority", "a b"}},
		"a line end in the method":      {fields: []string{":method", "POST / HTTP/1.1\r\nInjected: 1\r\nX: "}},
		"a space in the query":          {fields: []string{":path", "/?a HTTP/1.1"}},
		"no path":                       {fields: []string{":path", ""}},
		"a path without a slash":        {fields: []string{":path", "hidden"}},
		"the path twice":                {fields: []string{":path", "/", ":path", "/hidden"}},
		"an unknown pseudo header":      {fields: []string{":hidden", "1"}},
		"a coding":                      {fields: []string{"transfer-encoding", "chunked"}},
		"a connection":                  {fields: []string{"connection", "close"}},
		"an upgrade":                    {fields: []string{"upgrade", "websocket"}},
		"a length that is too short":    {fields: []string{"content-length", "1"}},
		"a length that is too long":     {fields: []string{"content-length", "99"}},
		"two lengths":                   {fields: []string{"content-length", "4", "content-length", "5"}, want: []string{"POST / body"}}, // framed anew
		"a length that is none":         {fields: []string{"content-length", "+4"}},
		"a space in the path":           {fields: []string{":path", "/a b"}, want: []string{"POST /a%20b body"}},
		"a body that looks like chunks": {want: []string{"POST / body"}},
	} {
		f := g.frames(t, true)
		id := f.open(false, withDefaults(test.fields)...)
		_ = f.WriteData(id, true, []byte("body"))
		got := f.answer(id)
		if seen := w.requests(); !slices.Equal(seen, test.want) {
			t.Errorf("%s: the backend sees %q", name, seen)
		}
		if refused := !strings.HasPrefix(got.status, "2"); refused != (test.want == nil) {
			t.Errorf("%s: the client hears %s", name, got.status)
		}
	}
}

// withDefaults adds what a request needs, pseudo headers first.
func withDefaults(fields []string) []string {
	var pseudo, rest []string
	has := map[string]bool{}
	for i := 0; i+1 < len(fields); i += 2 {
		has[fields[i]] = true
		if strings.HasPrefix(fields[i], ":") {
			pseudo = append(pseudo, fields[i], fields[i+1])
		} else {
			rest = append(rest, fields[i], fields[i+1])
		}
	}
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}} {
		if !has[field[0]] {
			pseudo = append(pseudo, field[0], field[1])
		}
	}
	return append(pseudo, rest...)
}
