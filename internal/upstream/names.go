package upstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/loom-gateway/loom/internal/discovery"
)

// DNS is how the names of endpoints with Resolve are looked up.
type DNS struct {
	// Resolvers are servers to ask, as ip or ip:port. Default: what the system asks.
	Resolvers []string
	// Interval between two lookups. Default: as long as the answer holds, within a second and five minutes; 30s where the
	// system does not tell.
	Interval time.Duration
	// Timeout of a lookup, and the longest that requests wait for the first. Default: 5s.
	Timeout time.Duration
}

// Times of lookups.
const (
	DefaultDNSInterval = 30 * time.Second
	DefaultDNSTimeout  = 5 * time.Second

	shortestTTL, longestTTL   = time.Second, 5 * time.Minute
	firstRetry, longestRetry  = time.Second, 30 * time.Second
	spread                    = 10 // a lookup comes up to a tenth of its time early, so that not all come at once
	shownAddresses, nameIsNew = 5, "it was not looked up yet"
)

// names looks up the names of an upstream, and makes what is found its endpoints.
type names struct {
	resolver discovery.Resolver
	settings DNS
	list     []*name

	begin   sync.Once
	ready   chan struct{} // closed when there is an endpoint, or each name was looked up once
	open    sync.Once     // of ready
	pending sync.WaitGroup

	applying sync.Mutex
	applied  []EndpointSettings // guarded by applying
}

// name is one endpoint of the config that stands for those behind a name.
type name struct {
	EndpointSettings
	query discovery.Query
	*lookups
}

// lookups is what is known about a name. An upstream with other settings knows it too: it is part of its record.
type lookups struct {
	users int // guarded by Memory.mu

	mu          sync.Mutex
	targets     []discovery.Target
	count       [2]uint64 // that have failed, and have not
	lastAt      time.Time
	lastFailure string // empty when the last one has not failed
	failures    int    // in a row
}

// newNames finds the endpoints that stand for others; nil without any.
func (u *Upstream) newNames() (*names, error) {
	n := &names{settings: u.settings.DNS, ready: make(chan struct{}), resolver: discovery.System()}
	for _, e := range u.settings.Endpoints {
		if e.Resolve == "" {
			continue
		}
		query, err := e.query()
		if err != nil {
			return nil, err
		}
		n.list = append(n.list, &name{EndpointSettings: e, query: query})
	}
	if len(n.list) == 0 {
		return nil, nil
	}
	var err error
	if len(n.settings.Resolvers) > 0 {
		n.resolver, err = discovery.Servers(n.settings.Resolvers)
	}
	return n, err
}

// query is what is asked for an endpoint of the config.
func (s EndpointSettings) query() (discovery.Query, error) {
	q := discovery.Query{Type: s.Resolve, Name: s.Address}
	if s.Resolve == discovery.Services {
		return q, nil
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return q, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	q.Name, q.Port = host, uint16(n)
	return q, err
}

// expand is the endpoints of the config, with those behind names in their place. An address that stands there twice counts once.
func (u *Upstream) expand() (list []EndpointSettings) {
	if u.names == nil {
		return u.settings.Endpoints
	}
	byAddress := map[string]bool{}
	add := func(e EndpointSettings) {
		if !byAddress[e.Address] {
			byAddress[e.Address] = true
			list = append(list, e)
		}
	}
	at := 0
	for _, e := range u.settings.Endpoints {
		if e.Resolve == "" {
			add(e)
			continue
		}
		for _, t := range u.names.list[at].known() {
			add(EndpointSettings{Address: t.Address.String(), Weight: e.Weight * t.Weight, host: t.Host})
		}
		at++
	}
	return list
}

func (l *lookups) known() []discovery.Target {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.targets
}

// begin gives the upstream its first endpoints: those that are known.
func (u *Upstream) begin() error {
	list := u.expand()
	if u.names != nil {
		u.names.applied = list
	}
	return u.replace(list)
}

// follow begins to look the names up, once.
func (u *Upstream) follow() {
	n := u.names
	if n == nil {
		return
	}
	n.begin.Do(func() {
		n.pending.Add(len(n.list))
		for _, name := range n.list {
			go u.followName(name)
		}
		go func() {
			n.pending.Wait()
			n.open.Do(func() { close(n.ready) })
		}()
	})
}

func (u *Upstream) followName(n *name) {
	first := sync.OnceFunc(u.names.pending.Done)
	defer first()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-u.probing.Done():
			return
		case <-pause.C:
		}
		pause.Reset(u.lookUp(n))
		first()
	}
}

// lookUp looks a name up once, and says when to do so again.
func (u *Upstream) lookUp(n *name) time.Duration {
	ctx, cancel := context.WithTimeout(u.probing, u.names.settings.Timeout)
	defer cancel()
	answer, err := u.names.resolver.Resolve(ctx, n.query)
	if u.probing.Err() != nil {
		return 0
	}
	event, usable := n.learn(answer, err)
	if usable {
		if problem := u.apply(); problem != nil {
			event.Kind, event.Reason = LookupFailed, n.Address+": "+problem.Error()
		}
	}
	if event.Kind != "" {
		u.emit(event)
	}
	return n.again(u.names.settings.Interval, answer.TTL)
}

// learn keeps what was found. What fails, and what is empty, changes nothing; part of an answer is better than none.
func (n *name) learn(answer discovery.Answer, err error) (event Event, usable bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lastAt = time.Now()
	before := n.lastFailure
	if err == nil {
		n.count[1]++
		n.failures, n.lastFailure = 0, ""
		if before != "" {
			event = Event{Kind: LookupRecovered, Reason: n.Address}
		}
	} else {
		n.count[0]++
		n.failures++
		if n.lastFailure = err.Error(); before == "" {
			event = Event{Kind: LookupFailed, Reason: n.Address + ": " + n.lastFailure}
		}
	}
	usable = err == nil || len(n.targets) == 0 && len(answer.Targets) > 0
	if usable {
		n.targets = answer.Targets
	}
	return event, usable
}

// again is how long to wait for the next lookup.
func (n *name) again(interval, ttl time.Duration) time.Duration {
	n.mu.Lock()
	failures := n.failures
	n.mu.Unlock()
	switch {
	case failures > 0:
		interval = min(firstRetry<<min(failures-1, 10), longestRetry)
	case interval > 0:
	case ttl > 0:
		interval = min(max(ttl, shortestTTL), longestTTL)
	default:
		interval = DefaultDNSInterval
	}
	return interval - rand.N(interval/spread+1)
}

// apply makes what is known the endpoints of the upstream. An error leaves them as they are.
func (u *Upstream) apply() error {
	n := u.names
	n.applying.Lock()
	defer n.applying.Unlock()
	list := u.expand()
	if slices.Equal(list, n.applied) {
		return nil
	}
	if err := u.replace(list); err != nil {
		return err
	}
	event := Event{Kind: EndpointsChanged, Reason: difference(n.applied, list)}
	n.applied = list
	if len(list) > 0 {
		n.open.Do(func() { close(n.ready) })
	}
	u.emit(event)
	return nil
}

// difference is what came, and what went, for people.
func difference(before, after []EndpointSettings) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d endpoints", len(after))
	for _, side := range []struct {
		sign      string
		list, not []EndpointSettings
	}{{" +", after, before}, {" -", before, after}} {
		shown := 0
		for _, e := range side.list {
			if slices.ContainsFunc(side.not, func(other EndpointSettings) bool { return other.Address == e.Address }) {
				continue
			}
			if shown++; shown > shownAddresses {
				text.WriteString(side.sign + "…")
				break
			}
			text.WriteString(side.sign + e.Address)
		}
	}
	return text.String()
}

// await has a request wait for the first endpoints. It returns when there are some, or is nothing to wait for.
func (u *Upstream) await(ctx context.Context) {
	u.follow()
	timeout := time.NewTimer(u.names.settings.Timeout)
	defer timeout.Stop()
	select {
	case <-u.names.ready:
	case <-u.probing.Done():
	case <-ctx.Done():
	case <-timeout.C:
	}
}

// rehearse finds out what is wrong with the settings as long as no endpoint is known: each name stands for one.
func (u *Upstream) rehearse() error {
	s := &set{}
	for _, e := range u.settings.Endpoints {
		if e.Resolve != "" {
			e = EndpointSettings{Address: netip.AddrPortFrom(netip.IPv6Loopback(), 1).String(), Weight: e.Weight, host: e.Address}
		}
		address, err := e.address()
		if err != nil {
			return err
		}
		endpoint, err := u.newEndpoint(e.Address, address)
		if err != nil {
			return err
		}
		endpoint.state = new(state)
		s.endpoints, s.weights = append(s.endpoints, endpoint), append(s.weights, e.Weight)
	}
	if _, err := u.settings.picker(s); err != nil {
		return fmt.Errorf("balancing: %w", err)
	}
	return nil
}

// unknown says which names have no address yet, and why.
func (n *names) unknown() error {
	var problems []error
	for _, name := range n.list {
		name.mu.Lock()
		reason := name.lastFailure
		if reason == "" && name.lastAt.IsZero() {
			reason = nameIsNew
		}
		if len(name.targets) == 0 && reason != "" {
			problems = append(problems, errors.New("no address of "+name.Address+" is known: "+reason))
		}
		name.mu.Unlock()
	}
	return errors.Join(problems...)
}
