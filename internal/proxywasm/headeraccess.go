package proxywasm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Which headers a plugin may read and change (Options.Headers). A module without lists has no access, and nothing is asked.

// HeaderAccess are the names of headers, trailers and pseudo headers of a request and its response that a plugin may read and
// write, in any case; a name that ends in * stands for all that begin so. A nil list permits all, an empty one none. `host` is
// another name of `:authority`.
type HeaderAccess struct {
	Read, Write []string
}

// access is HeaderAccess, ready to be asked. A nil list permits all.
type access struct{ read, write *nameList }

func newAccess(h HeaderAccess) (*access, error) {
	if h.Read == nil && h.Write == nil {
		return nil, nil //nolint:nilnil // no access is the usual case
	}
	read, err := newNameList("read", h.Read)
	if err != nil {
		return nil, err
	}
	write, err := newNameList("write", h.Write)
	return &access{read, write}, err
}

// nameList are names in lower case, and beginnings of names.
type nameList struct{ names, prefixes []string }

func newNameList(list string, patterns []string) (*nameList, error) {
	if patterns == nil {
		return nil, nil //nolint:nilnil // it permits all
	}
	l := &nameList{}
	for _, pattern := range patterns {
		name, isPrefix := strings.CutSuffix(strings.ToLower(pattern), "*")
		if strings.ContainsAny(name, "* \t\r\n,") || pattern == "" {
			return nil, fmt.Errorf("allow.headers.%s: %q is no name of a header: write one such as x-user, or x-* for all that begin so", list, pattern)
		}
		if isPrefix {
			l.prefixes = append(l.prefixes, name)
		} else {
			l.names = append(l.names, name)
		}
	}
	return l, nil
}

func (l *nameList) has(name string) bool {
	if l == nil {
		return true
	}
	name = strings.ToLower(name)
	return l.hasLower(name) || (name == "host" && l.hasLower(":authority")) || (name == ":authority" && l.hasLower("host"))
}

func (l *nameList) hasLower(name string) bool {
	return slices.Contains(l.names, name) || slices.ContainsFunc(l.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// The reasons that a guest's author finds in the log.
const (
	unreadable  = "the plugin may not read this header: its allow.headers.read does not list it"
	unwriteable = "the plugin may not change this header: its allow.headers.write does not list it; it stays as it was"
)

// guardedMap is a header map of which a plugin sees and changes what it may.
type guardedMap struct {
	in *Instance
	HeaderMap
	*access
}

// guard puts the plugin's permissions in front of a map of the stream.
func (in *Instance) guard(m HeaderMap) HeaderMap {
	if in.module.access == nil || m == nil {
		return m
	}
	return &guardedMap{in, m, in.module.access}
}

// Len implements HeaderMap: of what can be read.
func (g *guardedMap) Len() int { return len(g.AppendPairs(nil)) }

// AppendPairs implements HeaderMap.
func (g *guardedMap) AppendPairs(dst []abi.Pair) []abi.Pair {
	from := len(dst)
	dst = g.HeaderMap.AppendPairs(dst)
	return append(dst[:from], g.readable(dst[from:])...)
}

func (a *access) readable(pairs []abi.Pair) []abi.Pair {
	return slices.DeleteFunc(pairs, func(p abi.Pair) bool { return !a.read.has(p.Name) })
}

// Get implements HeaderMap: what must not be read is not there.
func (g *guardedMap) Get(name []byte) (string, bool) {
	if !g.read.has(string(name)) {
		g.in.deny(DeniedHeaderRead)
		_ = g.in.refuseAbout(abi.StatusNotFound, unreadable, name)
		return "", false
	}
	return g.HeaderMap.Get(name)
}

// Add implements HeaderMap.
func (g *guardedMap) Add(name, value []byte) string {
	return g.change(name, func() string { return g.HeaderMap.Add(name, value) })
}

// Set implements HeaderMap.
func (g *guardedMap) Set(name, value []byte) string {
	return g.change(name, func() string { return g.HeaderMap.Set(name, value) })
}

// Remove implements HeaderMap.
func (g *guardedMap) Remove(name []byte) string {
	return g.change(name, func() string { return g.HeaderMap.Remove(name) })
}

func (g *guardedMap) change(name []byte, change func() string) string {
	if !g.write.has(string(name)) {
		g.in.deny(DeniedHeaderWrite)
		return unwriteable
	}
	return change()
}

// Replace implements HeaderMap. What must not be changed stays, and so does what the guest could not see when it made the
// pairs, unless it names it.
func (g *guardedMap) Replace(pairs []abi.Pair) string {
	var refused string
	named := map[string]bool{}
	var next []abi.Pair
	for _, p := range pairs {
		if !g.write.has(p.Name) {
			refused = unwriteable
			continue
		}
		named[strings.ToLower(p.Name)] = true
		next = append(next, p)
	}
	for _, p := range g.HeaderMap.AppendPairs(nil) {
		if !g.write.has(p.Name) || (!g.read.has(p.Name) && !named[p.Name]) {
			next = append(next, p)
		}
	}
	next, refused = g.withoutEchoes(next, pairs, refused)
	if problem := g.HeaderMap.Replace(next); problem != "" {
		return problem
	}
	return refused
}

// withoutEchoes counts a refusal, unless the guest only handed back what it had read.
func (g *guardedMap) withoutEchoes(next, pairs []abi.Pair, refused string) ([]abi.Pair, string) {
	if refused == "" {
		return next, ""
	}
	for _, p := range pairs {
		if g.write.has(p.Name) {
			continue
		}
		if value, ok := g.HeaderMap.Get([]byte(p.Name)); !ok || value != p.Value {
			g.in.deny(DeniedHeaderWrite)
			return next, refused
		}
	}
	return next, ""
}

// Properties that are headers by another name.

// propertyAllowed reports whether a property may be read; one that is a whole map is cut down by readableMap.
func (in *Instance) propertyAllowed(path abi.PropertyPath) bool {
	a := in.module.access
	if a == nil || a.read == nil {
		return true
	}
	name := headerOfProperty(string(path))
	if profile := in.module.options.Profile; name == "" && (profile == ProfileKong || profile == ProfileAPISIX) {
		name = headerOfVariable(string(path))
	}
	if name == "" || a.read.has(name) {
		return true
	}
	in.deny(DeniedHeaderRead)
	_ = in.refuseAbout(abi.StatusNotFound, unreadable, []byte(name))
	return false
}

// headerOfProperty finds the header that a property has the value of, or nothing.
func headerOfProperty(path string) string {
	for _, whole := range []string{"request\x00headers\x00", "response\x00headers\x00", "response\x00trailers\x00"} {
		if name, ok := strings.CutPrefix(path, whole); ok {
			return name
		}
	}
	switch path {
	case "request\x00path", "request\x00url_path", "request\x00query":
		return ":path"
	case "request\x00host":
		return ":authority"
	case "request\x00method":
		return ":method"
	case "request\x00scheme":
		return ":scheme"
	case "request\x00id", "x_request_id":
		return "x-request-id"
	case "request\x00referer":
		return "referer"
	case "request\x00useragent":
		return "user-agent"
	case "response\x00code":
		return ":status"
	case "response\x00grpc_status":
		return "grpc-status"
	}
	return ""
}

// headerOfVariable is headerOfProperty for nginx' names, which plugins of Kong and APISIX use.
func headerOfVariable(path string) string {
	name := strings.ReplaceAll(path, "\x00", ".")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "ngx."), "wasmx.")
	for _, prefix := range []string{"http_", "sent_http_"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return strings.ReplaceAll(rest, "_", "-")
		}
	}
	switch {
	case strings.HasPrefix(name, "cookie_"):
		return "cookie"
	case strings.HasPrefix(name, "arg_"):
		return ":path"
	}
	switch name {
	case "uri", "document_uri", "request_uri", "args", "query_string":
		return ":path"
	case "host", "hostname":
		return ":authority"
	case "request_method":
		return ":method"
	case "scheme":
		return ":scheme"
	case "request_id":
		return "x-request-id"
	}
	return ""
}

// readableMap cuts a property that is a whole map down to what the plugin may read.
func (in *Instance) readableMap(path abi.PropertyPath, value []byte) []byte {
	a := in.module.access
	if a == nil || a.read == nil {
		return value
	}
	switch {
	case bytes.Equal(path, []byte("request\x00headers")), bytes.Equal(path, []byte("response\x00headers")), bytes.Equal(path, []byte("response\x00trailers")):
	default:
		return value
	}
	pairs, err := abi.DecodePairs(value)
	if err != nil { // more than a plugin may hand in, which is no limit of what there is
		return abi.AppendPairs(nil, nil)
	}
	return abi.AppendPairs(nil, a.readable(pairs))
}

// visiblePairs is the number of pairs that a header or trailer callback is told.
func (s *Stream) visiblePairs(c abi.Callback, n int) int {
	if s.in.module.access == nil {
		return n
	}
	t, ok := map[abi.Callback]abi.MapType{
		abi.OnRequestHeaders: abi.MapHTTPRequestHeaders, abi.OnRequestTrailers: abi.MapHTTPRequestTrailers,
		abi.OnResponseHeaders: abi.MapHTTPResponseHeaders, abi.OnResponseTrailers: abi.MapHTTPResponseTrailers,
	}[c]
	if !ok {
		return n
	}
	if m, _ := s.ex.Headers(t); m != nil {
		return s.in.guard(m).Len()
	}
	return n
}

// Interface guard
var _ HeaderMap = (*guardedMap)(nil)
