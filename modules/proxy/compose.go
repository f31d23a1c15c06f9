package proxy

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// streamCloseDelay is how long upgraded connections live on after their config was replaced. Without it a reload
// would close every WebSocket; without an end, memory of old configs would pile up.
const streamCloseDelay = 10 * time.Minute

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
