// Package proxy is http.handlers.loom_proxy: it sends a request to a named upstream of the `loom` app.
//
// Caddy's reverse_proxy does what is between the two connections (hop-by-hop headers, X-Forwarded-*, 1xx, trailers,
// upgrades, streaming); Loom's upstream does what is behind (endpoints, balancing, connections).
package proxy
