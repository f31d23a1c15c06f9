// Package admin is http.handlers.loom_admin: what the gateway is doing, as JSON, for people and scripts. It reads only;
// Caddy's own admin endpoint stays the one place where a configuration changes.
package admin
