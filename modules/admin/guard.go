package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// refusal is why a request is not looked at, or nil: two things that only browsers meet, a page whose host name was pointed
// at this address, and a script of another site.
func (h *Handler) refusal(r *http.Request) *problem {
	if !h.knowsHost(r.Host) {
		return &problem{
			Status: http.StatusForbidden,
			Detail: fmt.Sprintf("host %q is not allowed: use an IP address or localhost, or add it to allowed_hosts", hostName(r.Host)),
		}
	}
	if crossSite(r) {
		return &problem{Status: http.StatusForbidden, Detail: "requests from pages of other sites are not allowed"}
	}
	return nil
}

// knowsHost reports whether the name cannot have been chosen by a web page's owner.
func (h *Handler) knowsHost(host string) bool {
	name := hostName(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || h.allowed[name]
}

// hostName is a host without port, brackets and trailing dot, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// crossSite reports whether a browser sent the request for a page of another origin. Following a link is not that.
func crossSite(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(u.Host, r.Host)
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return isWrite(r) || r.Header.Get("Sec-Fetch-Mode") != "navigate"
}
