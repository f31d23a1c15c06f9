// Package admin is http.handlers.loom_admin: what the gateway is doing, as JSON for scripts and as a page for people, and the
// one thing that may be done about it at once, which is to take a plugin out of service. Caddy's own admin endpoint stays the
// one place where a configuration changes.
package admin
