package ratelimit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/modules/gateway"
)

// What a key can be made of.
const (
	fromClientIP = "client_ip"
	fromHeader   = "header"
	fromCookie   = "cookie"
	fromClaim    = "claim"
	fromRoute    = "route"
	fromAll      = "all"
)

// keyer makes keys of requests.
type keyer struct {
	parts    []keyPart
	perRoute bool // each route counts for itself
	ipv6     int
	instead  bool // of a value that is missing, the client's address counts
	buffers  *sync.Pool
}

type keyPart struct {
	from, name string
}

// parseKey reads the words of the config.
func parseKey(words []string) (parts []keyPart, err error) {
	if len(words) == 0 {
		words = []string{fromClientIP}
	}
	for _, word := range words {
		part, err := parsePart(word)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", word, err)
		}
		if slices.Contains(parts, part) {
			return nil, fmt.Errorf("key %q stands twice", word)
		}
		parts = append(parts, part)
	}
	if len(parts) > 1 && slices.Contains(parts, keyPart{from: fromAll}) {
		return nil, errors.New("key: all counts everything together: write it alone")
	}
	return parts, nil
}

func parsePart(word string) (keyPart, error) {
	from, name, named := strings.Cut(word, ":")
	switch from {
	case fromClientIP, fromRoute, fromAll:
		if named {
			return keyPart{}, fmt.Errorf("%s takes no name", from)
		}
	case fromHeader, fromCookie:
		if !httpguts.ValidHeaderFieldName(name) {
			return keyPart{}, fmt.Errorf("write %s:NAME, such as header:X-API-Key or cookie:session", from)
		}
	case fromClaim:
		if name == "" {
			return keyPart{}, errors.New("write claim:NAME, such as claim:sub")
		}
	default:
		words := []string{fromClientIP, fromHeader, fromCookie, fromClaim, fromRoute, fromAll}
		if meant := nearest.Word(from, words); meant != "" {
			return keyPart{}, fmt.Errorf("did you mean %q?", meant)
		}
		return keyPart{}, errors.New("write client_ip, header:NAME, cookie:NAME, claim:NAME, route or all")
	}
	if from == fromHeader {
		name = http.CanonicalHeaderKey(name)
	}
	return keyPart{from, name}, nil
}

// append adds the key of a request. ok is false when something that the key is made of is missing, and nothing stands in.
func (k *keyer) append(key []byte, r *http.Request, vars gateway.Vars, route string) (_ []byte, ok bool) {
	if k.perRoute {
		key = appendValue(key, 'R', route)
	}
	for i, part := range k.parts {
		value, ok := part.value(r)
		switch {
		case part.from == fromRoute:
			key = appendValue(key, 'r', route)
		case part.from == fromAll:
		case part.from == fromClientIP:
			key = k.appendIP(key, r, vars)
		case ok:
			key = appendValue(key, byte('0'+i), value)
		case k.instead:
			key = k.appendIP(key, r, vars)
		default:
			return key, false
		}
	}
	return key, true
}

// value is what a request has for a part: one value that is not empty.
func (p keyPart) value(r *http.Request) (value string, ok bool) {
	switch p.from {
	case fromHeader:
		if p.name == "Host" { // which is no header for net/http
			value = r.Host
		} else if values := r.Header[p.name]; len(values) > 0 {
			value = values[0]
		}
	case fromCookie:
		value = cookie(r.Header["Cookie"], p.name)
	case fromClaim:
		value = claim(r.Header["Authorization"], p.name)
	}
	return value, value != ""
}

// appendValue adds a value so that no two lists of values look the same.
func appendValue(key []byte, kind byte, value string) []byte {
	key = append(key, kind)
	key = binary.AppendUvarint(key, uint64(len(value)))
	return append(key, value...)
}

// appendIP adds the client's address, of IPv6 only the prefix.
func (k *keyer) appendIP(key []byte, r *http.Request, vars gateway.Vars) []byte {
	text, _ := vars[caddyhttp.ClientIPVarKey].(string)
	if text == "" {
		text, _, _ = net.SplitHostPort(r.RemoteAddr)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil { // a unix socket: who comes through it counts together
		return appendValue(key, 'u', text)
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		four := addr.As4()
		return append(append(key, '4'+0x80), four[:]...)
	}
	prefix, _ := addr.Prefix(k.ipv6)
	sixteen := prefix.Addr().As16()
	return append(append(key, '6'+0x80), sixteen[:]...)
}

// cookie is the value of the first cookie of the name; the library would make a list of all of them.
func cookie(lines []string, name string) string {
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			if key, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && key == name {
				return strings.Trim(value, `"`)
			}
		}
	}
	return ""
}
