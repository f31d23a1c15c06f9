package cors

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

// Handler is http.handlers.loom_cors: which pages of other origins may use the gateway from a browser. It answers preflights
// itself, and its headers take the place of those that a backend sends. What would let any page act with a user's cookies is
// refused when the config is loaded.
type Handler struct {
	// Origins that are allowed: `https://example.com`, `https://*.example.com` (one or more labels), `http://localhost:*`, or
	// `*` for all, which excludes credentials. Required.
	Origins []string `json:"origins,omitempty"`

	// Methods that are allowed beside GET, HEAD and POST, which the protocol always allows; `*` stands for all. Default: none.
	Methods []string `json:"methods,omitempty"`

	// Headers of requests that are allowed; `*` stands for all, but without credentials not for `Authorization`, which has to
	// be named then. Default: none but those that need no permission.
	Headers []string `json:"headers,omitempty"`

	// Expose are the headers of responses that scripts may read; `*` stands for all, without credentials. Default: none but
	// those that need no permission.
	Expose []string `json:"expose,omitempty"`

	// Credentials lets browsers send cookies and client certificates along. Default: false.
	Credentials bool `json:"credentials,omitempty"`

	// MaxAge is how long a browser may remember the answer to a preflight, in whole seconds, at most 24h. Default: the
	// browser's, which is 5s.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// PrivateNetwork tells preflights that a public page may use a gateway in a private network. Default: false.
	PrivateNetwork bool `json:"private_network,omitempty"`

	policy http.Handler // the library's, around nothing
}
