package router

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/cleanpath"
	"github.com/loom-gateway/loom/internal/pathtree"
)

func init() {
	caddy.RegisterModule(MatchRoute{})
}

// MatchRoute is http.matchers.loom_route: the patterns of loom_router for those who keep `handle` blocks. It reads the
// path in its clean spelling and does not change the request. Many routes are faster in one loom_router.
type MatchRoute struct {
	// Paths that match, as in a route of loom_router. Required.
	Paths []string `json:"paths,omitempty"`

	// Methods that match. GET includes HEAD. Default: every method.
	Methods []string `json:"methods,omitempty"`

	table *pathtree.Table
}

// CaddyModule says who the module is.
func (MatchRoute) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.matchers.loom_route", New: func() caddy.Module { return new(MatchRoute) }}
}

// Provision parses the patterns.
func (m *MatchRoute) Provision(caddy.Context) error {
	if len(m.Paths) == 0 {
		return fmt.Errorf("loom_route: name a path, such as /users/{id}")
	}
	var err error
	m.table, err = pathtree.New([]pathtree.Route{{ID: "loom_route", Paths: m.Paths, Methods: m.Methods}})
	return err
}

// UnmarshalCaddyfile reads the matcher:
//
//	loom_route [<METHOD>...] <path>...
func (m *MatchRoute) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	for d.Next() {
		for _, arg := range d.RemainingArgs() {
			if arg[0] == '/' {
				m.Paths = append(m.Paths, arg)
			} else {
				m.Methods = append(m.Methods, arg)
			}
		}
		if d.NextBlock(0) {
			return d.Err("loom_route takes no block: write it on one line")
		}
	}
	return nil
}

// MatchWithError reports whether a request matches. A path that could be read in two ways does not.
func (m *MatchRoute) MatchWithError(r *http.Request) (bool, error) {
	path, err := cleanpath.Clean(r.URL.EscapedPath(), cleanpath.Policy{})
	if err != nil {
		return false, nil //nolint:nilerr // the request is not broken, it only does not match
	}
	var match pathtree.Match
	request := pathtree.Request{Path: path, Method: r.Method}
	if m.table.Match(&request, &match) != pathtree.Found {
		return false, nil
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		for name, value := range match.Captures {
			repl.Set("loom.route.params."+name, unescaped(value))
		}
	}
	return true, nil
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*MatchRoute)(nil)
	_ caddyhttp.RequestMatcherWithError = (*MatchRoute)(nil)
	_ caddyfile.Unmarshaler             = (*MatchRoute)(nil)
)
