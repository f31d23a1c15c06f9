package proxy_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/http1/http1test"
	"github.com/loom-gateway/loom/modules/moduletest"
)

// TestHygiene runs the table of hygiene through the gateway, with each engine behind it.
func TestHygiene(t *testing.T) {
	t.Parallel()
	for name, engine := range map[string]string{http1test.Gateway: "loom", http1test.Composed: "stock"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			http1test.Run(t, http1test.Engine{Name: name, To: func(t *testing.T, address string) http.RoundTripper {
				config := fmt.Sprintf(`{"upstreams": {"backend": {"endpoints": [{"address": %q}], "transport": {"engine": %q}}}}`, address, engine)
				c := moduletest.Provision(t, moduletest.HTTP(config, toBackend)).Start()
				client := &http.Transport{DisableCompression: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 4 << 20, ExpectContinueTimeout: 10 * time.Second}
				t.Cleanup(client.CloseIdleConnections)
				return through{client, c.Addr("")}
			}})
		})
	}
}

// through sends what is meant for a backend to the gateway.
type through struct {
	*http.Transport
	gateway string
}

func (g through) RoundTrip(req *http.Request) (*http.Response, error) {
	directed := *req
	directed.URL = &url.URL{Scheme: "http", Host: g.gateway, Path: req.URL.Path}
	return g.Transport.RoundTrip(&directed)
}
