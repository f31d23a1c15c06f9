package router

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/forwarded"
)

// dropForwarded removes what a client says in the name of a proxy, unless it is one that Caddy's trusted_proxies names. Plugins must
// not see it either; what they and other handlers of the route set, stays.
func dropForwarded(r *http.Request) {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); !trusted {
		forwarded.Drop(r.Header)
	}
}

// dropNamed removes the fields that the client's Connection header names, and the names. They were meant for the gateway. Here,
// before any plugin, it is still the client's fields that go: later a client could have the gateway take away what a plugin has set.
func dropNamed(h http.Header) {
	connection := h["Connection"]
	if len(connection) == 0 {
		return
	}
	var kept []string
	for _, list := range connection {
		for option := range strings.SplitSeq(list, ",") {
			option = textproto.TrimString(option)
			if isOption(option) {
				kept = append(kept, option)
			} else if option != "" {
				h.Del(option)
			}
		}
	}
	delete(h, "Connection")
	if len(kept) > 0 {
		h["Connection"] = []string{strings.Join(kept, ", ")}
	}
}

// isOption reports whether a word in Connection is about the connection, or names a field that only upgrades and trailers use.
func isOption(word string) bool {
	switch strings.ToLower(word) {
	case "close", "keep-alive", "upgrade", "te", "http2-settings":
		return true
	}
	return false
}
