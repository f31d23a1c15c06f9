package http1test

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/rawbackend"
)

// patience is how long anything may take before the test fails.
const patience = 20 * time.Second

// Backend is one whose first connection follows a script; the others, and the first after its script, answer every request
// with 200 and the word next.
type Backend struct {
	*rawbackend.Backend

	nexts atomic.Int64 // answers with the word next on the first connection
}

// Conn is a connection that the backend has accepted.
type Conn = rawbackend.Conn

func startBackend(t *testing.T, script func(*Conn)) *Backend {
	t.Helper()
	b := &Backend{}
	b.Backend = rawbackend.Start(t, func(n int, conn *Conn) {
		if n == 1 {
			script(conn)
		}
		b.answer(conn, n == 1)
	})
	return b
}

// answer says next until the connection is closed.
func (b *Backend) answer(conn *Conn, first bool) {
	for !conn.Over && conn.ReadRequest() != nil {
		if first {
			b.nexts.Add(1)
		}
		conn.Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
	}
}

// next asks again and says whether it was on the first connection.
func (b *Backend) next(t *testing.T, client http.RoundTripper) string {
	t.Helper()
	if got := outcome(t, client, b.request(t, http.MethodGet, "/next", nil)); got != "200 next" {
		return got
	}
	if b.nexts.Load() > 0 {
		return "same"
	}
	return "new"
}

func (b *Backend) request(t *testing.T, method, path string, body io.Reader) *http.Request {
	t.Helper()
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.Address+path, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// outcome sends the request and writes down what came of it.
func outcome(t *testing.T, client http.RoundTripper, req *http.Request) string {
	t.Helper()
	res, err := client.RoundTrip(req)
	if err != nil {
		return "refused"
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusBadGateway {
		return "refused"
	}
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return "broken"
	}
	text := strconv.Itoa(res.StatusCode)
	if len(data) > 0 {
		text += " " + string(data)
	}
	if extra, ok := res.Header["X-Extra"]; ok {
		text += " extra " + strings.Join(extra, "|")
	}
	var sums []string
	for name, values := range res.Trailer {
		sums = append(sums, name+"="+strings.Join(values, "|"))
	}
	if slices.Sort(sums); len(sums) > 0 {
		text += " trailer " + strings.Join(sums, " ")
	}
	return text
}
