package loomadapter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/pathtree"
	"github.com/loom-gateway/loom/plugins"
)

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
		v.routeRetries(r)
	}
}

func (v *validator) routeDetails(r *Route) {
	if r.Path != "" && len(r.Paths) > 0 {
		v.errorf(r.Pos.key("paths"), "path and paths are both set: keep paths")
	}
	if r.StripPrefix != "" && r.Rewrite != "" {
		v.errorf(r.Pos.key("rewrite"), "strip_prefix and rewrite are both set: keep one")
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
