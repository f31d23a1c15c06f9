package admin

import (
	"net/http"

	"github.com/loom-gateway/loom/internal/upstream"
)

// upstreamState is what is said about an upstream.
type upstreamState struct {
	upstream.Snapshot
	// Latency is the time from sending a request to the beginning of its response.
	Latency latency `json:"latency"`
	// Endpoints replace those of the snapshot.
	Endpoints []endpointState `json:"endpoints"`
}

type endpointState struct {
	upstream.EndpointSnapshot
	// Responses by class; errors are those that never came.
	Responses       map[string]uint64 `json:"responses"`
	Ejections       uint64            `json:"ejections"`
	BreakerOpenings *uint64           `json:"circuit_breaker_openings,omitempty"`
}

type latency struct {
	Count       uint64  `json:"count"`
	MeanSeconds float64 `json:"mean_seconds"`
	P50Seconds  float64 `json:"p50_seconds"`
	P99Seconds  float64 `json:"p99_seconds"`
}

func (h *Handler) upstreams() []upstreamState {
	list := []upstreamState{}
	for _, s := range h.app.UpstreamSnapshots() {
		state := upstreamState{Snapshot: s, Latency: latencyOf(s.Durations), Endpoints: []endpointState{}}
		for _, e := range s.Endpoints {
			state.Endpoints = append(state.Endpoints, endpointOf(e))
		}
		list = append(list, state)
	}
	return list
}

func endpointOf(e upstream.EndpointSnapshot) endpointState {
	state := endpointState{EndpointSnapshot: e, Responses: map[string]uint64{}, Ejections: e.Ejections}
	for class, n := range e.Results {
		if n > 0 {
			state.Responses[[...]string{"error", "1xx", "2xx", "3xx", "4xx", "5xx"}[class]] = n
		}
	}
	if e.Breaker != "" {
		state.BreakerOpenings = &e.BreakerOpenings
	}
	return state
}

func latencyOf(d upstream.Durations) latency {
	if d.Count == 0 {
		return latency{}
	}
	return latency{
		Count: d.Count, MeanSeconds: d.Sum.Seconds() / float64(d.Count),
		P50Seconds: d.Quantile(0.5).Seconds(), P99Seconds: d.Quantile(0.99).Seconds(),
	}
}

func (h *Handler) listUpstreams(*http.Request) (map[string][]upstreamState, *problem) {
	return map[string][]upstreamState{"upstreams": h.upstreams()}, nil
}

func (h *Handler) upstream(name string) methods {
	return read(func(*http.Request) (upstreamState, *problem) {
		return pick("upstream", name, h.upstreams(), func(s upstreamState) string { return s.Name })
	})
}
