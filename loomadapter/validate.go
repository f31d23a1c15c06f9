package loomadapter

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/pathtree"
	"github.com/loom-gateway/loom/plugins"
)

// validate reports what is wrong with a document. It reads no file.
func validate(doc *Document, r *report) {
	v := &validator{report: r, doc: doc}
	v.words(reflect.ValueOf(doc).Elem(), doc.Pos)
	v.listeners()
	v.upstreams()
	v.plugins()
	v.routes()
	v.table()
	v.operations()
}

type validator struct {
	*report
	doc *Document
}

// words checks, by the tags, every value that is one of a few words, and every feature that this version has not.
func (v *validator) words(s reflect.Value, at Pos) {
	for i := range s.NumField() {
		field, key := s.Field(i), s.Type().Field(i).Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		tag := s.Type().Field(i).Tag
		if enum := tag.Get("enum"); enum != "" && field.String() != "" {
			v.word(field.String(), strings.Split(enum, ","), at.key(key))
		}
		switch need := tag.Get("need"); {
		case need == "" && field.Type() == reflect.TypeFor[*Feature]() && !field.IsNil() && field.Interface().(*Feature).keys != nil:
			v.errorf(at.key(key), "%s has no settings in this version of Loom: write on or off, and remove %s", key,
				strings.Join(field.Interface().(*Feature).keys, ", "))
		case need == "later" && !field.IsNil() && field.Interface().(*Feature).On:
			v.errorf(at.key(key), "%s is not available in this version of Loom: remove it, or switch it off", key)
		case need == "idle" && !field.IsNil():
			v.warnf(at.key(key), "%s is checked, but this version of Loom does not act on it yet", key)
		}
		v.below(field)
	}
}

// below visits the structs in a field.
func (v *validator) below(field reflect.Value) {
	switch field.Kind() {
	case reflect.Pointer:
		if !field.IsNil() {
			v.below(field.Elem())
		}
	case reflect.Slice:
		for i := range field.Len() {
			v.below(field.Index(i))
		}
	case reflect.Struct:
		if pos := field.FieldByName("Pos"); pos.IsValid() && field.Type() != reflect.TypeFor[Feature]() {
			v.words(field, pos.Interface().(Pos))
		}
	}
}

func (v *validator) word(got string, words []string, at Pos) {
	if slices.Contains(words, got) {
		return
	}
	if meant := nearest.Word(got, words); meant != "" {
		v.errorf(at, "%q: did you mean %q?", got, meant)
		return
	}
	v.errorf(at, "%q: write one of %s", got, strings.Join(words, ", "))
}

// unique reports names that stand twice.
func (v *validator) unique(what string, seen map[string]int, name string, at Pos) {
	if first, ok := seen[name]; ok && name != "" {
		v.errorf(at, "the %s %q stands in line %d already: give each its own", what, name, first)
		return
	}
	seen[name] = at.Line
}

func (v *validator) required(value string, at Pos, key, example string) bool {
	if value == "" {
		v.errorf(at, "%s is missing: write one, such as %s", key, example)
	}
	return value != ""
}

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
		v.listenerTLS(l)
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

func (v *validator) upstreams() {
	names := map[string]int{}
	for i := range v.doc.Upstreams {
		u := &v.doc.Upstreams[i]
		if v.required(u.Name, u.Pos, "name", "backend") {
			v.unique("upstream", names, u.Name, u.Pos.key("name"))
		}
		if len(u.Endpoints) == 0 {
			v.errorf(u.Pos, "endpoints is missing: write at least one, such as [\"localhost:3000\"]")
		}
		v.endpoints(u)
		if u.TLS != nil && u.Protocol != "https" {
			v.errorf(u.Pos.key("tls"), "tls needs protocol: https")
		}
		v.thresholds(u)
	}
}

func (v *validator) endpoints(u *Upstream) {
	seen := map[string]int{}
	for _, e := range u.Endpoints {
		if v.required(e.Address, e.Pos, "address", "localhost:3000") {
			if scheme, rest, ok := strings.Cut(e.Address, "://"); ok {
				v.errorf(e.Pos, "%q: write %q and protocol: %s", e.Address, rest, scheme)
				continue
			}
			v.address(e.Address, e.Pos, false)
			v.unique("endpoint", seen, e.Address, e.Pos)
		}
		if w := e.Weight; w != nil && (*w < 1 || *w > 10_000) {
			v.errorf(e.Pos.key("weight"), "%d: write a weight from 1 to 10000, or remove the endpoint", *w)
		}
	}
}

func (v *validator) thresholds(u *Upstream) {
	if h := u.HealthCheck; h != nil {
		if v.required(h.Path, h.Pos, "path", "/health") && !strings.HasPrefix(h.Path, "/") {
			v.errorf(h.Pos.key("path"), "%q: begin it with a slash", h.Path)
		}
		v.notNegative(h.Pos, "healthy_threshold", h.HealthyThreshold)
		v.notNegative(h.Pos, "unhealthy_threshold", h.UnhealthyThreshold)
	}
	if b := u.CircuitBreaker; b != nil {
		v.notNegative(b.Pos, "failure_threshold", b.FailureThreshold)
		v.notNegative(b.Pos, "success_threshold", b.SuccessThreshold)
	}
	if p := u.ConnectionPool; p != nil {
		v.notNegative(p.Pos, "max_idle_per_endpoint", p.MaxIdlePerEndpoint)
		v.notNegative(p.Pos, "max_per_endpoint", p.MaxPerEndpoint)
	}
}

func (v *validator) notNegative(at Pos, key string, n int) {
	if n < 0 {
		v.errorf(at.key(key), "%d is below zero", n)
	}
}

func (v *validator) plugins() {
	names := map[string]int{}
	for i := range v.doc.Plugins {
		p := &v.doc.Plugins[i]
		if !v.required(p.Name, p.Pos, "name", "jwt") {
			continue
		}
		v.unique("plugin", names, p.Name, p.Pos.key("name"))
		if _, bundled := plugins.Bundled(p.Name); p.Path == "" && !bundled {
			v.errorf(p.Pos, "path is missing: name the .wasm file (bundled in the binary are %s)", strings.Join(plugins.BundledNames(), ", "))
		}
		v.notNegative(p.Pos, "instances", p.Instances)
	}
}

// upstreamNames and pluginNames are what routes may name.
func (v *validator) upstreamNames() []string {
	var names []string
	for _, u := range v.doc.Upstreams {
		names = append(names, u.Name)
	}
	return names
}

func (v *validator) pluginNames() []string {
	names := plugins.BundledNames()
	for _, p := range v.doc.Plugins {
		names = append(names, p.Name)
	}
	return names
}

func (v *validator) routes() {
	if len(v.doc.Routes) == 0 {
		v.errorf(v.doc.Pos.key("routes"), "there is no route: write one, such as {path: /api/*, upstream: backend}")
	}
	upstreams, known := v.upstreamNames(), v.pluginNames()
	for i := range v.doc.Routes {
		r := &v.doc.Routes[i]
		if r.ID == "" {
			r.ID = fmt.Sprintf("route-%d", i+1)
		}
		v.target(r)
		if r.Upstream != "" {
			v.reference("upstream", r.Upstream, upstreams, r.Pos.key("upstream"))
		}
		for _, p := range r.Plugins {
			if v.required(p.Name, p.Pos, "name", "rate-limit") {
				v.reference("plugin", p.Name, known, p.Pos)
			}
		}
		v.routeDetails(r)
	}
}

func (v *validator) routeDetails(r *Route) {
	if r.Path != "" && len(r.Paths) > 0 {
		v.errorf(r.Pos.key("paths"), "path and paths are both set: keep paths")
	}
	if r.StripPrefix != "" && r.Rewrite != "" {
		v.errorf(r.Pos.key("rewrite"), "strip_prefix and rewrite are both set: keep one")
	}
	if r.WebSocket != nil && !*r.WebSocket {
		v.errorf(r.Pos.key("websocket"), "refusing WebSockets is not available in this version of Loom: remove the key")
	}
	if r.Redirect != nil {
		v.required(r.Redirect.To, r.Redirect.Pos, "to", "https://example.com{http.request.uri}")
		if s := r.Redirect.Status; s != 0 && !slices.Contains([]int{301, 302, 303, 307, 308}, s) {
			v.errorf(r.Redirect.Pos.key("status"), "%d is not a redirect: write 301, 302, 303, 307 or 308", s)
		}
	}
	if r.Respond != nil && r.Respond.Status != 0 && (r.Respond.Status < 200 || r.Respond.Status > 599) {
		v.errorf(r.Respond.Pos.key("status"), "%d is not a final status: write one from 200 to 599", r.Respond.Status)
	}
}

// target checks that a route goes somewhere, and to one place.
func (v *validator) target(r *Route) {
	var targets []string
	for name, set := range map[string]bool{"upstream": r.Upstream != "", "redirect": r.Redirect != nil, "respond": r.Respond != nil} {
		if set {
			targets = append(targets, name)
		}
	}
	slices.Sort(targets)
	switch {
	case len(targets) == 0:
		v.errorf(r.Pos, "the route goes nowhere: write upstream, redirect or respond")
	case len(targets) > 1:
		v.errorf(r.Pos, "the route has %s: keep one", strings.Join(targets, " and "))
	}
}

func (v *validator) reference(what, name string, known []string, at Pos) {
	if slices.Contains(known, name) {
		return
	}
	if meant := nearest.Word(name, known); meant != "" {
		v.errorf(at, "there is no %s %q: did you mean %q?", what, name, meant)
		return
	}
	if len(known) == 0 {
		v.errorf(at, "there is no %s %q: add it to %ss", what, name, what)
		return
	}
	v.errorf(at, "there is no %s %q: there are %s", what, name, strings.Join(known, ", "))
}

// paths are a route's, however they are written.
func (r *Route) paths() []string {
	if r.Path != "" {
		return []string{r.Path}
	}
	return r.Paths
}

// table checks patterns, methods and ids as the router will, and finds routes that cannot be reached.
func (v *validator) table() {
	specs := make([]pathtree.Route, len(v.doc.Routes))
	for i := range v.doc.Routes {
		r := &v.doc.Routes[i]
		specs[i] = pathtree.Route{
			ID: r.ID, Hosts: r.Hosts, Paths: r.paths(), Methods: r.Methods, Headers: r.Headers, Query: r.Query, Priority: r.Priority,
		}
	}
	table, err := pathtree.New(specs)
	if err != nil {
		v.routeErrors(err)
		return
	}
	for _, s := range table.Shadowed() {
		by := &v.doc.Routes[s.By]
		v.warnf(v.doc.Routes[s.Route].Pos, "the route %q can never be reached: %q in line %d takes all of its requests",
			v.doc.Routes[s.Route].ID, by.ID, by.Pos.Line)
	}
}

func (v *validator) routeErrors(err error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		v.errorf(v.doc.Pos.key("routes"), "%v", err)
		return
	}
	for _, e := range joined.Unwrap() {
		if re := (*pathtree.RouteError)(nil); errors.As(e, &re) {
			v.errorf(v.doc.Routes[re.Index].Pos, "%v", re)
		}
	}
}

func (v *validator) operations() {
	if a := v.doc.Admin; a != nil {
		v.address(a.address(), a.Pos.key("address"), true)
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
