package proxy

import (
	"net"
	"net/http"
	"net/netip"
)

// addresses of the client's connection, for the PROXY protocol: the client's, as `trusted_proxies` tell it, and the gateway's. The
// port of a client behind a proxy is not known, and 0.
func addresses(r *http.Request, clientIP string) (from, to netip.AddrPort) {
	from, _ = netip.ParseAddrPort(r.RemoteAddr)
	if ip, err := netip.ParseAddr(clientIP); err == nil && ip.WithZone("").Unmap() != from.Addr().WithZone("").Unmap() {
		from = netip.AddrPortFrom(ip, 0)
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		to, _ = netip.ParseAddrPort(local.String())
	}
	return from, to
}
