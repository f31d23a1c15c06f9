// Package proxy is http.handlers.loom_proxy: it sends a request to a named upstream of the `loom` app.
//
// Loom's upstream does what is behind (endpoints, balancing, connections). What is between the two connections (hop-by-hop
// headers, X-Forwarded-*, 1xx, trailers, streaming) the direct way does for plain HTTP; upgrades, gRPC and upstreams that do not
// use Loom's engine are left to Caddy's reverse_proxy, the composed way. The tests of this package run through both.
package proxy
