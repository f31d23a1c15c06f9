package loomadapter

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

func (v *validator) listeners() {
	if len(v.doc.Listeners) == 0 {
		v.errorf(v.doc.Pos.key("listeners"), "there is no listener: write one, such as {address: \":8080\"}")
	}
	names, addresses := map[string]int{}, map[string]int{}
	for i := range v.doc.Listeners {
		l := &v.doc.Listeners[i]
		if l.Name == "" {
			l.Name = "http"
			if i > 0 {
				l.Name = fmt.Sprintf("http-%d", i+1)
			}
		}
		v.unique("listener", names, l.Name, l.Pos.key("name"))
		if l.Name == adminServer {
			v.errorf(l.Pos.key("name"), "%q is the name of the admin API's own server: choose another", l.Name)
		}
		if v.required(l.Address, l.Pos, "address", `":8080"`) {
			v.address(l.Address, l.Pos.key("address"), true)
			v.unique("address", addresses, everyHost(l.Address), l.Pos.key("address"))
		}
		if size := l.MaxHeaderSize; size != 0 && (size < 4<<10 || size > 16<<20) {
			v.errorf(l.Pos.key("max_header_size"), "%d bytes are no size for a head: write one from 4KiB to 16MiB", size)
		}
		v.listenerTLS(l)
		v.listenerProtocols(l)
		for _, r := range l.TrustedProxies {
			v.ipRange(r, l.Pos.key("trusted_proxies"))
		}
	}
}

func (v *validator) listenerProtocols(l *Listener) {
	at, h1 := l.Pos.key("protocols"), false
	if len(l.Protocols) > 0 && l.Protocol != "https" {
		v.errorf(at, "protocols is for https: the protocol says what other listeners speak")
	}
	for _, p := range l.Protocols {
		switch p {
		case "h1":
			h1 = true
		case "h2", "h3":
		default:
			v.errorf(at, "%q is no protocol of https: write h1, h2 or h3", p)
		}
	}
	if slices.Contains(l.Protocols, "h2") && !h1 {
		v.errorf(at, "h2 needs h1 beside it: write [h1, h2]")
	}
}

func (v *validator) listenerTLS(l *Listener) {
	t := l.TLS
	switch {
	case l.Protocol == "https" && t == nil:
		v.errorf(l.Pos, "https needs tls: {cert, key} or {automatic: {hosts: […]}}")
	case t == nil:
	case l.Protocol != "https" && l.Protocol != "grpc":
		v.errorf(l.Pos.key("tls"), "tls is for the protocols https and grpc: change the protocol to https")
	case t.Automatic != nil && (t.Cert != "" || t.Key != ""):
		v.errorf(t.Pos, "cert and key stand beside automatic: keep one way")
	case t.Automatic != nil && len(t.Automatic.Hosts) == 0:
		v.errorf(t.Automatic.Pos, "hosts is missing: name the hosts that need a certificate")
	case t.Automatic == nil && (t.Cert == "" || t.Key == ""):
		v.errorf(t.Pos, "write cert and key, or automatic")
	}
}

// ipRange checks an address or a range of them.
func (v *validator) ipRange(text string, at Pos) {
	if _, err := netip.ParsePrefix(text); err == nil {
		return
	}
	if _, err := netip.ParseAddr(text); err != nil {
		v.errorf(at, "%q is no address and no range of them: write 10.0.0.1 or 10.0.0.0/8", text)
	}
}

// address checks host:port. Only listeners may leave out the host.
func (v *validator) address(address string, at Pos, listener bool) {
	if strings.HasPrefix(address, "unix/") || strings.Contains(address, "{env.") {
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		v.errorf(at, "%q is not an address: write host:port, such as %s", address, map[bool]string{true: `":8080"`, false: `"localhost:3000"`}[listener])
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		v.errorf(at, "%q has no valid port: write a number from 1 to 65535", address)
	}
	if host == "" && !listener {
		v.errorf(at, "%q has no host: write host:port, such as localhost%s", address, address)
	}
}

func (v *validator) operations() {
	if a := v.doc.Admin; a != nil {
		v.address(a.address(), a.Pos.key("address"), true)
		v.adminAccess(a)
		for _, l := range v.doc.Listeners {
			if everyHost(l.Address) == everyHost(a.address()) && isOn(a.Enabled) {
				v.errorf(a.Pos.key("address"), "the listener %q has this address: the admin API needs its own", l.Name)
			}
		}
	}
	m := v.doc.Metrics
	if m == nil || m.Prometheus == nil || !isOn(m.Prometheus.Enabled) {
		return
	}
	if v.doc.Admin == nil || !isOn(v.doc.Admin.Enabled) {
		v.errorf(m.Prometheus.Pos, "metrics are read on the admin address: enable admin")
	}
	if p := m.Prometheus.Path; p != "" && !strings.HasPrefix(p, "/") {
		v.errorf(m.Prometheus.Pos.key("path"), "%q: begin it with a slash", p)
	}
}

// minAdminToken is loom_admin's, in bytes.
const minAdminToken = 16

func (v *validator) adminAccess(a *Admin) {
	if n := len(a.Token); n > 0 && n < minAdminToken && !strings.Contains(a.Token, "{") {
		v.errorf(a.Pos.key("token"), "the token has %d bytes: write at least %d, such as what `openssl rand -hex 32` prints", n, minAdminToken)
	}
	for _, host := range a.AllowedHosts {
		if host == "" || strings.ContainsAny(host, "/*@: ") {
			v.errorf(a.Pos.key("allowed_hosts"), "%q is not a host name: write one such as admin.example.com", host)
		}
	}
}

// everyHost is an address with one spelling for "every host".
func everyHost(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err == nil && (host == "0.0.0.0" || host == "::") {
		return ":" + port
	}
	return address
}

// address is where the admin API listens.
func (a *Admin) address() string {
	if a.Address == "" {
		return defaultAdminAddress
	}
	return a.Address
}

// isOn reads the switch of a section that is there.
func isOn(enabled *bool) bool { return enabled == nil || *enabled }
