package circuit_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/circuit"
)

// model is the breaker by its definition: it keeps every result, and counts them anew for each question.
type model struct {
	s       circuit.Settings
	state   circuit.State
	since   time.Time // of the state
	results []result  // of the state
	open    map[int]bool
	probed  time.Time
}

type result struct {
	outcome circuit.Outcome
	at      time.Time
}

func (m *model) become(state circuit.State, now time.Time) {
	m.state, m.since, m.results, m.open = state, now, nil, map[int]bool{}
}

func (m *model) allow(id int, now time.Time) bool {
	if m.state == circuit.Open && now.Sub(m.since) >= m.s.Timeout {
		m.become(circuit.HalfOpen, now)
	}
	switch m.state {
	case circuit.Open:
		return false
	case circuit.HalfOpen:
		if len(m.open) >= m.s.Probes {
			return false
		}
		m.probed = now
	}
	m.open[id] = true
	return true
}

func (m *model) done(id int, o circuit.Outcome, now time.Time) {
	if !m.open[id] { // of an earlier state
		return
	}
	delete(m.open, id)
	if o == circuit.Ignored {
		return
	}
	m.results = append(m.results, result{o, now})
	row := 0
	for i := len(m.results) - 1; i >= 0 && m.results[i].outcome == o; i-- {
		row++
	}
	switch {
	case m.state == circuit.Closed && o == circuit.Failure && row >= m.s.FailureThreshold,
		m.state == circuit.Closed && m.s.FailureRate > 0 && m.tooMany(),
		m.state == circuit.HalfOpen && o == circuit.Failure:
		m.become(circuit.Open, now)
	case m.state == circuit.HalfOpen && row >= m.s.SuccessThreshold:
		m.become(circuit.Closed, now)
	}
}

// tooMany takes the share of all results: the test's clock stays within one window while the breaker is closed.
func (m *model) tooMany() bool {
	failed := 0
	for _, r := range m.results {
		if r.outcome == circuit.Failure {
			failed++
		}
	}
	return len(m.results) >= m.s.MinimumRequests && failed*100 >= m.s.FailureRate*len(m.results)
}

// TestModel runs random requests, which overlap and end in any order, through a breaker and its model.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 3))
		s := with(circuit.Settings{
			FailureThreshold: 1 + random.IntN(4), SuccessThreshold: 1 + random.IntN(3), Probes: 1 + random.IntN(3),
			FailureRate: random.IntN(2) * (30 + random.IntN(50)), MinimumRequests: 5, Timeout: time.Minute, Window: 1000 * time.Hour,
		})
		compare(t, seed, random, s)
	}
}

func compare(t *testing.T, seed uint64, random *rand.Rand, s *circuit.Settings) {
	t.Helper()
	var b circuit.Breaker
	c := newClock()
	m := &model{s: *s}
	m.become(circuit.Closed, c.now)
	permits, ids := map[int]circuit.Permit{}, []int(nil)
	for step := range 600 {
		if len(ids) > 0 && random.IntN(2) == 0 {
			at := random.IntN(len(ids))
			id, o := ids[at], circuit.Outcome(random.IntN(3))
			ids = append(ids[:at], ids[at+1:]...)
			b.Done(permits[id], o, s, c.read)
			m.done(id, o, c.now)
		} else if p, _, got := b.Allow(s, c.read); got != m.allow(step, c.now) {
			t.Fatalf("seed %d, step %d, %+v: allowed %t, the model not", seed, step, *s, got)
		} else if got {
			permits[step], ids = p, append(ids, step)
		}
		if b.State() != m.state {
			t.Fatalf("seed %d, step %d, %+v: %s, the model is %s", seed, step, *s, b.State(), m.state)
		}
		if m.state == circuit.Open && random.IntN(4) == 0 {
			c.pass(20 * time.Second)
		}
		if m.state == circuit.HalfOpen && len(m.open) >= s.Probes { // the probes answer before the timeout
			c.pass(time.Millisecond)
		}
	}
}
