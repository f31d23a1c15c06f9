package http1test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long anything may take before the test fails.
const patience = 20 * time.Second

// Backend listens on a socket. Its first connection follows a script; the others, and the first after its script, answer
// every request with 200 and the word next.
type Backend struct {
	Address string

	mu          sync.Mutex
	connections int
	nexts       int // answers with the word next on the first connection
	conns       []net.Conn
	running     sync.WaitGroup
}

// Conn is a connection that the backend has accepted.
type Conn struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
	closed bool
}

func startBackend(t *testing.T, script func(*Conn)) *Backend {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Backend{Address: l.Addr().String()}
	b.running.Go(func() { b.accept(t, l, script) })
	t.Cleanup(func() {
		l.Close()
		b.mu.Lock()
		for _, conn := range b.conns {
			conn.Close()
		}
		b.mu.Unlock()
		b.running.Wait()
	})
	return b
}

func (b *Backend) accept(t *testing.T, l net.Listener, script func(*Conn)) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.connections++
		first := b.connections == 1
		b.conns = append(b.conns, nc)
		b.mu.Unlock()
		conn := &Conn{Conn: nc, t: t, reader: bufio.NewReader(nc)}
		_ = nc.SetDeadline(time.Now().Add(2 * patience))
		b.running.Go(func() {
			defer nc.Close()
			if first {
				script(conn)
			}
			b.answer(conn, first)
		})
	}
}

// answer says next until the connection is closed.
func (b *Backend) answer(conn *Conn, first bool) {
	for !conn.closed && conn.ReadRequest() != nil {
		if first {
			b.mu.Lock()
			b.nexts++
			b.mu.Unlock()
		}
		conn.Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")
	}
}

// Connections is how many were accepted.
func (b *Backend) Connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connections
}

// next asks again and says whether it was on the first connection.
func (b *Backend) next(t *testing.T, client http.RoundTripper) string {
	t.Helper()
	if got := outcome(t, client, b.request(t, http.MethodGet, "/next", nil)); got != "200 next" {
		return got
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nexts > 0 {
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

// ReadRequest reads a whole request; nil when there is none.
func (c *Conn) ReadRequest() *http.Request {
	req := c.ReadHead()
	if req == nil {
		return nil
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil
	}
	return req
}

// ReadHead reads the head of a request; its body is to be read.
func (c *Conn) ReadHead() *http.Request {
	req, err := http.ReadRequest(c.reader)
	if err != nil {
		c.closed = true
		return nil
	}
	return req
}

// Send sends it byte by byte as it stands.
func (c *Conn) Send(text string) {
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.closed = true
	}
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.closed = true
	return c.Conn.Close()
}

// Reset closes the connection with a reset.
func (c *Conn) Reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
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
