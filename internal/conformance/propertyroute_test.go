package conformance

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// routeProperties are those that the configuration of the gateway gives.
func routeProperties(s *suite) {
	s.check("A-15", 2, "route_name, cluster_name and virtual_host_name answer what the route is, with and without xds", func(t *testing.T) {
		backend := backendOf(t)
		names := []string{"route_name", "xds|route_name", "cluster_name", "xds|cluster_name", "virtual_host_name", "xds|virtual_host_name", "xds|nothing"}
		loom := pluginMap(t, map[string]string{"p": asks("request_headers", names...)}, nil) + `, "upstreams": {"users": {"endpoints": [{"address": "` + backend + `"}]}}`
		g := start(t, loom, routed(plaintext, `{"handler": "loom_router", "routes": [{"id": "api", "hosts": ["127.0.0.1"], "paths": ["/api/*"],
			"handle": [`+wasm("p")+`, {"handler": "loom_proxy", "upstream": "users"}]}]}`))
		if got := g.get(t, "/api/x"); got != "backend" {
			t.Errorf("the client got %q", got)
		}
		wantProperties(t, g.ended(t, "p", 1), map[string]string{
			"route_name": "api", "xds|route_name": "api", "cluster_name": "users", "xds|cluster_name": "users",
			"virtual_host_name": "127.0.0.1", "xds|virtual_host_name": "127.0.0.1", "xds|nothing": "-",
		})
		t.Run("without a route", func(t *testing.T) {
			g := start(t, pluginMap(t, map[string]string{"p": asks("request_headers", names...)}, nil), routed(plaintext, wasm("p")))
			g.get(t, "/")
			wantProperties(t, g.ended(t, "p", 1), map[string]string{"route_name": "-", "cluster_name": "-", "xds|route_name": "-"})
		})
	})
	s.check("A-16", 2, "node.* and listener_direction are the gateway's, with and without xds, also outside of requests", func(t *testing.T) {
		names := []string{
			"node|id", "xds|node|id", "node|cluster", "node|metadata|NAMESPACE", "xds|node|metadata|NAMESPACE", "node|metadata|LABELS|app",
			"node|metadata|WEIGHT", "node|metadata|READY", "node|metadata|NONE", "node", "listener_direction", "xds|listener_direction",
		}
		g := start(t, pluginMap(t, map[string]string{"p": lines(asks("configure", names...), asks("request_headers", names...))}, nil)+
			`, "node": {"id": "gateway-1", "cluster": "edge", "metadata": {"NAMESPACE": "shop", "LABELS": {"app": "loom"}, "WEIGHT": 1.5, "READY": true}}`,
			routed(plaintext, wasm("p")))
		inbound := string(abi.AppendInt64(nil, 1))
		want := map[string]string{
			"node|id": "gateway-1", "xds|node|id": "gateway-1", "node|cluster": "edge", "node|metadata|NAMESPACE": "shop",
			"xds|node|metadata|NAMESPACE": "shop", "node|metadata|LABELS|app": "loom", "node|metadata|WEIGHT": string(abi.AppendDouble(nil, 1.5)),
			"node|metadata|READY": "\x01", "node|metadata|NONE": "-", "listener_direction": inbound, "xds|listener_direction": inbound,
		}
		wantProperties(t, g.log(t, "p"), want) // outside of a request
		g.get(t, "/")
		log := g.ended(t, "p", 1)
		wantProperties(t, log, want)
		message := answersOf(t, log, "node")[0].value
		if _, kind, n := protowire.ConsumeTag(message); kind != protowire.BytesType || !strings.HasPrefix(string(message[n:]), "\x09gateway-1") {
			t.Errorf("node is no message with the id first: %q", message)
		}
	})
	s.check("A-17", 2, "upstream.* says where the request went, behind loom_proxy and behind Caddy's reverse_proxy", func(t *testing.T) {
		t.Run("loom_proxy", upstreamOfLoom)
		t.Run("reverse_proxy", upstreamOfCaddy)
		t.Run("failures", upstreamFailures)
	})
}

// backendOf is a server that says that it is one.
func backendOf(t *testing.T) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "backend") }))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func upstreamNames() []string {
	return []string{
		"upstream|address", "upstream|port", "upstream|num_endpoints", "upstream|request_attempt_count", "upstream|tls_version",
		"upstream|subject_peer_certificate", "response|backend_latency", "response|code", "response|code_details", "response|flags",
	}
}

func upstreamOfLoom(t *testing.T) {
	c := newCertificates(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "backend") }))
	server.TLS = c.trusted().Clone()
	server.TLS.Certificates = append(server.TLS.Certificates, c.server)
	server.StartTLS()
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	names := upstreamNames()
	loom := pluginMap(t, map[string]string{"p": lines(asks("request_headers", names...), asks("response_headers", names...), asks("log", names...))}, nil) +
		`, "upstreams": {"users": {"protocol": "https", "tls": {"insecure_skip_verify": true}, "endpoints": [{"address": "` + silentAddress(t) + `"}, {"address": "` + address + `"}]}}`
	g := start(t, loom, routed(plaintext, wasm("p"), `{"handler": "loom_proxy", "upstream": "users"}`))
	if got := g.get(t, "/"); got != "backend" {
		t.Errorf("the client got %q", got)
	}
	log := g.ended(t, "p", 1)
	for _, name := range names {
		if first := answersOf(t, log, name)[0]; first.status != "1" {
			t.Errorf("%s before an endpoint was picked: %v", name, first)
		}
	}
	_, port, _ := net.SplitHostPort(address)
	wantProperties(t, log, map[string]string{
		"upstream|address": address, "upstream|tls_version": "TLSv1.3", "upstream|subject_peer_certificate": "CN=server,O=Loom",
		"response|code_details": "via_upstream",
	})
	for name, want := range map[string]string{"upstream|num_endpoints": "2", "upstream|request_attempt_count": "2", "upstream|port": port, "response|flags": "0"} {
		if got := asNumber(t, name, answersOf(t, log, name)[2]); fmt.Sprint(got) != want {
			t.Errorf("%s is %d, want %s", name, got, want)
		}
	}
	latency := answersOf(t, log, "response|backend_latency")
	if latency[1].status != "1" || asNumber(t, "backend_latency", latency[2]) <= 0 {
		t.Errorf("response.backend_latency %v", latency)
	}
}

// silentAddress is an address on which nobody listens.
func silentAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func upstreamOfCaddy(t *testing.T) {
	backend := backendOf(t)
	g := start(t, pluginMap(t, map[string]string{"p": asks("log", upstreamNames()...)}, nil),
		routed(plaintext, wasm("p"), `{"handler": "reverse_proxy", "upstreams": [{"dial": "`+backend+`"}]}`))
	g.get(t, "/")
	wantProperties(t, g.ended(t, "p", 1), map[string]string{
		"upstream|address": backend, "upstream|request_attempt_count": "-", "response|code_details": "via_upstream",
	})
}

// upstreamFailures: what is said of a request that no backend has answered.
func upstreamFailures(t *testing.T) {
	loom := pluginMap(t, map[string]string{"p": asks("log", upstreamNames()...)}, nil) +
		`, "upstreams": {"users": {"endpoints": [{"address": "` + silentAddress(t) + `"}]}}`
	g := start(t, loom, routed(plaintext, wasm("p"), `{"handler": "loom_proxy", "upstream": "users"}`))
	g.get(t, "/")
	log := g.ended(t, "p", 1)
	wantProperties(t, log, map[string]string{"response|code_details": "upstream_reset_before_response_started{remote_connection_failure}"})
	code, flags := answersOf(t, log, "response|code")[0], answersOf(t, log, "response|flags")[0]
	if asNumber(t, "code", code) != http.StatusBadGateway || asNumber(t, "flags", flags) != 0x20 {
		t.Errorf("response.code %v, response.flags %v", code, flags)
	}
	answering := start(t, pluginMap(t, map[string]string{"p": asks("log", "response|code_details")}, nil),
		routed(plaintext, wasm("p"), `{"handler": "static_response", "body": "x"}`))
	answering.get(t, "/")
	wantProperties(t, answering.ended(t, "p", 1), map[string]string{"response|code_details": "direct_response"})
}
