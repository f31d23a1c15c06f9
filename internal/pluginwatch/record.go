package pluginwatch

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Record is what one plugin does to one request. It is written under the lock of the plugin's instance, and read by others.
type Record struct {
	plugin   string
	failOpen bool

	// Of a request that is traced.
	ctx    context.Context
	span   trace.Span
	tracer trace.Tracer

	mu      sync.Mutex
	phases  []*phase // in the order in which they first ran
	pending []change // of the callback that runs
	verdict verdict  // of what is no callback's
	limit   string   // that ended the request
	err     error    // why the plugin failed
}

// phase is what the callbacks of one kind have done.
type phase struct {
	kind      proxywasm.Phase
	first     time.Time // when it first returned
	runs      int
	took      time.Duration
	hostcalls uint64
	verdict   verdict
	status    int // of the plugin's own answer; 0 without
	changes   []change
	reported  int // runs that the response's head has told of
}

// verdict is what follows from a callback; the strongest of several counts.
type verdict uint8

const (
	verdictNone verdict = iota // of callbacks that decide nothing
	verdictContinue
	verdictPause
	verdictLocalReply
	verdictClose
	verdictSkip
	verdictFail
)

func (v verdict) String() string {
	return [...]string{"none", "continue", "pause", "local_reply", "close", "skip", "fail"}[v]
}

// failure is the verdict of a plugin that failed.
func (r *Record) failure() verdict {
	if r.failOpen {
		return verdictSkip
	}
	return verdictFail
}

// Ran implements proxywasm.Observer.
func (r *Record) Ran(kind proxywasm.Phase, took time.Duration, hostcalls uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.phase(kind)
	if p == nil {
		p = &phase{kind: kind, first: time.Now()}
		r.phases = append(r.phases, p)
	}
	p.runs++
	p.took += took
	p.hostcalls += hostcalls
	r.claim(p)
	if err != nil {
		p.verdict, r.err = max(p.verdict, r.failure()), err
	}
}

func (r *Record) phase(kind proxywasm.Phase) *phase {
	for _, p := range r.phases {
		if p.kind == kind {
			return p
		}
	}
	return nil
}

// Settled implements proxywasm.Observer.
func (r *Record) Settled(c abi.Callback, v proxywasm.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.Err != nil && r.err == nil {
		r.err = v.Err
	}
	i := slices.IndexFunc(r.phases, func(p *phase) bool { return p.kind.String() == c.String() })
	if i < 0 { // another stream's callback has failed the instance
		r.verdict = max(r.verdict, r.verdictOf(v))
		return
	}
	p := r.phases[i]
	p.verdict = max(p.verdict, r.verdictOf(v))
	if v.Reply != nil {
		p.status = v.Reply.Status
	}
}

func (r *Record) verdictOf(v proxywasm.Verdict) verdict {
	switch {
	case v.Err != nil:
		return r.failure()
	case v.Reply != nil:
		return verdictLocalReply
	case v.Closed:
		return verdictClose
	case v.Paused():
		return verdictPause
	}
	return verdictContinue
}

// Unavailable says that no instance of the plugin took the request.
func (r *Record) Unavailable(err error) {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.verdict, r.err = r.failure(), err
	r.mu.Unlock()
	r.End()
}

// Limited says that a limit of the plugin has ended the request.
func (r *Record) Limited(limit string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verdict, r.limit = verdictFail, limit
}

// overall is the verdict of the plugin. The lock must be held.
func (r *Record) overall() verdict {
	v := r.verdict
	for _, p := range r.phases {
		v = max(v, p.verdict)
	}
	return v
}

// Interface guard
var _ proxywasm.Observer = (*Record)(nil)
