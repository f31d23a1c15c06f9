package filterstate

import (
	"crypto/tls"
	"time"
)

// Upstream is where the request went.
type Upstream struct {
	// Cluster is the name of the upstream.
	Cluster string
	// Address of the endpoint as host:port.
	Address string
	// Endpoints is how many the upstream has, Attempts how many were tried.
	Endpoints, Attempts int
	// TLS of the connection; nil without, or before the answer.
	TLS *tls.ConnectionState
	// Latency is the time from the request's first byte to the response's last; 0 until then.
	Latency time.Duration
}

// SetUpstream tells where the request goes.
func (s *State) SetUpstream(u Upstream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upstream, s.chosen = u, true
}

// Upstream says where the request went; ok is false before an endpoint was picked.
func (s *State) Upstream() (u Upstream, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.upstream, s.chosen
}

// Failure is why there is no response of an upstream, in Envoy's words.
type Failure struct {
	// Flags is the property response.flags.
	Flags Flags
	// Details is the property response.code_details.
	Details string
}

// Flags are Envoy's response flags, one bit each.
type Flags uint64

// The flags that Loom knows a reason for.
const (
	NoHealthyUpstream               Flags = 0x2
	UpstreamRequestTimeout          Flags = 0x4
	UpstreamConnectionFailure       Flags = 0x20
	UpstreamConnectionTermination   Flags = 0x40
	UpstreamOverflow                Flags = 0x80
	DownstreamConnectionTermination Flags = 0x4000
)

// Fail tells why there is no response. Details of the last failure are kept, flags are collected.
func (s *State) Fail(f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure.Flags |= f.Flags
	s.failure.Details = f.Details
}

// Failure is what Fail was told.
func (s *State) Failure() Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// SetHost makes the endpoint of that address the first that is asked.
func (s *State) SetHost(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host = address
}

// Host is what SetHost was told. Empty: the balancer picks.
func (s *State) Host() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.host
}
