package upstream

import (
	"context"
	"crypto/tls"
	"sync"
	"sync/atomic"

	"github.com/loom-gateway/loom/internal/health"
)

// Upstream is a named group of backends. It is safe for concurrent use.
type Upstream struct {
	settings  Settings
	tls       *tls.Config // nil without TLS
	now       atomic.Pointer[set]
	names     *names // nil when no endpoint stands for others
	available availability
	memory    *Memory
	record    *record

	breakerStatuses, passiveStatuses health.Statuses // that are failures

	changing    sync.Mutex      // held while endpoints come and go
	started     bool            // guarded by changing
	probing     context.Context //nolint:containedctx // of the probes, from Start to Close
	stopProbing context.CancelFunc
	observer    atomic.Pointer[func(Event)]

	calls  atomic.Int64
	closed atomic.Bool
}

// New makes an upstream with a memory of its own.
func New(s Settings) (*Upstream, error) { return new(Memory).New(s) }

// New makes an upstream. It opens no connection and starts no goroutine. The memory is held until Close.
func (m *Memory) New(s Settings) (*Upstream, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	tlsConfig, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	u := &Upstream{settings: s, tls: tlsConfig, memory: m}
	u.now.Store(new(set))
	if err := u.parseStatuses(); err != nil {
		return nil, err
	}
	u.probing, u.stopProbing = context.WithCancel(context.Background())
	if u.names, err = u.newNames(); err == nil && u.names != nil {
		err = u.rehearse()
	}
	if err != nil {
		u.stopProbing()
		return nil, err
	}
	m.join(u)
	if err := u.begin(); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

func (u *Upstream) parseStatuses() (err error) {
	if b := u.settings.Breaker; b != nil {
		if u.breakerStatuses, err = health.ParseStatuses(b.Statuses); err != nil {
			return err
		}
	}
	if p := u.settings.Passive; p != nil {
		u.passiveStatuses, err = health.ParseStatuses(p.Statuses)
	}
	return err
}

func (s Settings) tlsConfig() (*tls.Config, error) {
	if s.Protocol != HTTPS {
		return nil, nil
	}
	return s.TLS.Config()
}

// Name of the upstream.
func (u *Upstream) Name() string { return u.settings.Name }

// Endpoints of this moment, in the order of the config. The slice must not be changed.
func (u *Upstream) Endpoints() []*Endpoint { return u.set().endpoints }

// Begin lets one request in. Calls are welcome after Close too: requests that began under an old config end under it.
func (u *Upstream) Begin() *Call {
	u.calls.Add(1)
	return &Call{upstream: u, set: u.set()}
}

// Close drains the upstream: connections are closed as soon as no Call is left. It returns at once, and may be called twice.
func (u *Upstream) Close() {
	u.changing.Lock()
	if !u.closed.Swap(true) {
		u.stopProbing()
		u.observer.Store(nil)
		u.memory.leave(u, u.set().endpoints)
		u.memory.part(u)
	}
	u.changing.Unlock()
	if u.calls.Load() == 0 {
		u.closeIdle()
	}
}

// Closed tells whether no config has the upstream any more.
func (u *Upstream) Closed() bool { return u.closed.Load() }

// end lets a request out. The last one out of a closed upstream closes the connections.
func (u *Upstream) end() {
	if u.calls.Add(-1) == 0 && u.closed.Load() {
		u.closeIdle()
	}
}

func (u *Upstream) closeIdle() {
	for _, e := range u.set().endpoints {
		e.closeIdle()
	}
}
