package proxy

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/forwarded"
	"github.com/loom-gateway/loom/internal/upstream"
)

// streamCloseDelay is how long upgraded connections live on after their upstream was changed or removed.
const streamCloseDelay = 10 * time.Minute

// sharedProxy is what all handlers to one upstream share.
type sharedProxy struct {
	*reverseproxy.Handler // the composed way
	upstream              *upstream.Upstream
	upgrades              atomic.Int64 // requests that may have upgraded their connection, and have not ended
	direct                bool
	logger                *zap.Logger
	buffers               sync.Pool
}

func newShared(ctx caddy.Context, u *upstream.Upstream) (*sharedProxy, error) {
	proxy, err := newProxy(ctx, u.Name())
	return &sharedProxy{Handler: proxy, upstream: u, direct: usesEngine(u), logger: ctx.Logger()}, err
}

// composed has Caddy's reverse_proxy do it. The transport finds the pass in the request's context.
func (h *Handler) composed(p *pass, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	for name := range r.Header {
		if forwarded.IsAlias(name) {
			delete(r.Header, name)
		}
	}
	forwarded.Drop(r.Trailer)
	p.ctx = context.WithValue(p.ctx, passKey{}, p)
	defer p.tellRetries(r)
	if p.continues {
		w = &continuesOnce{caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	}
	return h.shared.serve(w, r.WithContext(p.ctx), next)
}

// newProxy composes Caddy's reverse_proxy with Loom's upstream. It gets one upstream of its own that stands for the
// whole group: which endpoint is meant, and which is next, is decided in the transport.
func newProxy(ctx caddy.Context, name string) (*reverseproxy.Handler, error) {
	group := &reverseproxy.Upstream{Host: new(reverseproxy.Host), Dial: "loom/" + hostLike(name) + ":1"}
	proxy := &reverseproxy.Handler{
		Transport:        transport{},
		LoadBalancing:    &reverseproxy.LoadBalancing{SelectionPolicy: always{group}},
		StreamCloseDelay: caddy.Duration(streamCloseDelay),
	}
	err := proxy.Provision(ctx)
	return proxy, err
}

// hostLike makes a name that reverse_proxy takes for a host. It is seen in Caddy's debug log only.
func hostLike(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, name)
}

// always selects the one upstream that stands for the group. It is not in the proxy's list of upstreams, so that
// Caddy's metrics do not call it healthy.
type always struct{ group *reverseproxy.Upstream }

// Select implements reverseproxy.Selector.
func (a always) Select(reverseproxy.UpstreamPool, *http.Request, http.ResponseWriter) *reverseproxy.Upstream {
	return a.group
}

// Interface guard
var _ reverseproxy.Selector = always{}
