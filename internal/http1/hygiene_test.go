package http1_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"github.com/loom-gateway/loom/internal/http1"
	"github.com/loom-gateway/loom/internal/http1/http1test"
)

func TestHygiene(t *testing.T) {
	t.Parallel()
	http1test.Run(t, http1test.Engine{Name: http1test.Loom, To: func(t *testing.T, address string) http.RoundTripper {
		return client(t, address, http1.Settings{})
	}})
}

func TestHygieneOfNetHTTP(t *testing.T) {
	t.Parallel()
	http1test.Run(t, http1test.Engine{Name: http1test.Stock, To: func(t *testing.T, _ string) http.RoundTripper {
		transport := &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: 1 << 20, ExpectContinueTimeout: http1.DefaultContinueTimeout}
		t.Cleanup(transport.CloseIdleConnections)
		return transport
	}})
}

func client(t testing.TB, address string, s http1.Settings) *http1.Client {
	s.Dial = func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) }
	if s.MaxIdle == 0 {
		s.MaxIdle = 100
	}
	c := http1.New(s)
	t.Cleanup(c.CloseIdleConnections)
	return c
}
