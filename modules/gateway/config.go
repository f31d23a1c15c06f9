package gateway

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/debuggate"
)

// App is the `loom` app: the plugins and upstreams that all Loom handlers of one config share.
//
// Handlers name them; the app finds or builds the living thing behind the name. What must outlive a
// reload (compiled modules, running instances, connection pools) sits in a caddy.UsagePool and drains.
type App struct {
	// Plugins are the Proxy-Wasm plugins by name. A handler may also name a plugin that is bundled
	// in the binary (such as `rate-limit`) without an entry here.
	Plugins map[string]*Plugin `json:"plugins,omitempty"`

	// Upstreams are the groups of backends by name.
	Upstreams map[string]*Upstream `json:"upstreams,omitempty"`

	// Redis are the servers by name in which gateways share what they count, such as rate limits. Default: none.
	Redis map[string]*Redis `json:"redis,omitempty"`

	// ShutdownDelay is the time from the order to end the process (SIGTERM, `loom stop`) to when listeners close. Meanwhile requests
	// are taken and the admin API's /ready answers 503, so that load balancers look away. Default: 0.
	ShutdownDelay caddy.Duration `json:"shutdown_delay,omitempty"`

	// Node is who the gateway is, for plugins that ask. Default: their questions are not answered.
	Node *Node `json:"node,omitempty"`

	// Debug lets clients see what each plugin did to their request, in the response's `Loom-Debug-Plugin`. Default: nobody
	// sees it.
	Debug *Debug `json:"debug,omitempty"`

	ctx       caddy.Context
	logger    *zap.Logger
	up        *startedEvent
	digest    *digest
	debug     *debuggate.Gate
	upstreams *upstreamSet
	plugins   *pluginSet
	routes    *routeTable
	requests  *requestSet
	shared    *sharedThings
	limits    *limitSet
}

// Node is who the gateway is: the properties `node.*` and `xds.node.*` of plugins.
type Node struct {
	// ID of the gateway. Default: none.
	ID string `json:"id,omitempty"`

	// Cluster is the group of gateways that it belongs to. Default: none.
	Cluster string `json:"cluster,omitempty"`

	// Metadata is anything else, such as `NAMESPACE` or `LABELS`; objects may be nested. Default: none.
	Metadata map[string]any `json:"metadata,omitempty"`
}

// Debug says who may see what each plugin did to a request. A client asks with the header `Loom-Debug`, which no plugin and
// no backend sees. At least one of loopback and key is required.
type Debug struct {
	// Loopback answers `Loom-Debug: 1` on connections that come from a loopback address: not X-Forwarded-For counts, but
	// the connection, so behind a proxy on the same machine every request does. Default: false.
	Loopback bool `json:"loopback,omitempty"`

	// Key answers `Loom-Debug: t=SECONDS,s=HEX` from anywhere, where s is the HMAC-SHA256 with this key of the method, the
	// host, the path with its query, and t, in lines. At least 16 bytes; `{env.NAME}` and `{file.PATH}` are replaced.
	// Default: none.
	Key string `json:"key,omitempty"`

	// Window is how far t may be from the gateway's clock, before or after; at most 1h. Until then the signature can be used
	// again, for the same method, host and path. Default: 1m.
	Window caddy.Duration `json:"window,omitempty"`
}
