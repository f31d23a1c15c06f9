package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/loom-gateway/loom/modules/middleware/cors"
	_ "github.com/loom-gateway/loom/modules/middleware/metrics"
	_ "github.com/loom-gateway/loom/modules/middleware/ratelimit"
	_ "github.com/loom-gateway/loom/modules/middleware/recovery"
	_ "github.com/loom-gateway/loom/modules/middleware/requestid"
	_ "github.com/loom-gateway/loom/modules/middleware/tracing"
	_ "github.com/loom-gateway/loom/modules/middleware/websocket"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/router"
)

func init() { caddy.RegisterModule(late{}) }

// late keeps the writer of a response, and writes to it while the next request is served.
type late struct{ kept *http.ResponseWriter }

func (late) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.late", New: func() caddy.Module { return &late{new(http.ResponseWriter)} }}
}

func (l late) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	if *l.kept != nil {
		(*l.kept).Header().Set("Set-Cookie", "of the first")
		_, _ = io.WriteString(*l.kept, "of the first")
	}
	*l.kept = w
	_, err := io.WriteString(w, "own")
	return err
}

// A handler that writes when it has returned does not write into another client's response, whatever middleware is in between.
func TestLateWrites(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, `{"handler": "loom_router", "middleware": [{"handler": "loom_recovery"}, {"handler": "loom_request_id"},
		{"handler": "loom_metrics"}, {"handler": "loom_tracing"}, {"handler": "loom_cors", "origins": ["*"]},
		{"handler": "loom_rate_limit", "limits": [{"rate": 100}]}, {"handler": "loom_websocket", "max_message": 100}],
		"routes": [{"id": "late-writes", "handle": [{"handler": "late"}]}]}`))
	for range 2 {
		res := c.Serve(httptest.NewRequest(http.MethodGet, "/", nil))
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != "own" || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("body %q, cookie %q, error %v", body, res.Header.Get("Set-Cookie"), err)
		}
	}
}
