package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// isWrite reports whether a request may change something.
func isWrite(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// mayWrite refuses writes by who shows no token and is not on this machine. Who shows one must show the right one.
func (h *Handler) mayWrite(r *http.Request) *problem {
	const challenge = `Bearer realm="loom admin"`
	authorization := r.Header.Get("Authorization")
	switch {
	case authorization != "":
		if !h.hasToken(authorization) {
			return &problem{Status: http.StatusUnauthorized, Detail: "the token is not the one of the configuration", challenge: challenge}
		}
		return nil
	case isLocal(r):
		return nil
	case h.Token != "":
		return &problem{Status: http.StatusUnauthorized, Detail: "send the token of the configuration: Authorization: Bearer …", challenge: challenge}
	}
	return &problem{
		Status: http.StatusForbidden,
		Detail: "only a client on the gateway's own machine may write: connect to a loopback address, or set a token in the configuration",
	}
}

// hasToken compares digests, in a time that says nothing about either.
func (h *Handler) hasToken(authorization string) bool {
	scheme, token, _ := strings.Cut(authorization, " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return h.Token != "" && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], h.token[:]) == 1
}

// isLocal reports whether the other end of the connection is on this machine and speaks for itself: behind a proxy on the
// same machine everybody would be.
func isLocal(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}
