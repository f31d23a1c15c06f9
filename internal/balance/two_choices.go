package balance

import (
	"slices"
	"time"
)

// TwoChoices draws two endpoints by chance and takes the less loaded one. That is nearly as even as asking all of them,
// and many gateways that do it do not fall on the same idle endpoint at once.
type TwoChoices struct {
	*field
	// cost of one more request to an endpoint; the lower wins.
	cost func(e *Endpoint, now time.Time) float64
	// clock is nil when cost does not need it.
	clock func() time.Time
}

// NewTwoChoices compares requests in flight by weight (p2c).
func NewTwoChoices(endpoints []Endpoint) *TwoChoices {
	return &TwoChoices{field: newField(endpoints), cost: func(e *Endpoint, _ time.Time) float64 {
		return float64(e.Load.InFlight()+1) / float64(e.Weight)
	}}
}

// unknown is the cost of a request that waits for an endpoint of which no latency is known yet.
const unknown = float64(time.Hour)

// NewEWMA compares how long one more request would take: the latency that is expected, for each one in flight (ewma).
func NewEWMA(endpoints []Endpoint) *TwoChoices {
	return &TwoChoices{field: newField(endpoints), clock: time.Now, cost: func(e *Endpoint, now time.Time) float64 {
		inFlight, latency := float64(e.Load.InFlight()), float64(e.Load.Latency(now))
		if latency == 0 { // the first request finds it out, the next ones go elsewhere until it has
			return inFlight * unknown
		}
		return latency * (inFlight + 1) / float64(e.Weight)
	}}
}

// Pick implements Picker.
func (t *TwoChoices) Pick(_ uint64, excluded Excluder) int {
	d := t.now.Load()
	a := t.drawAllowed(d, excluded)
	if a < 0 || len(d.endpoints) == 1 {
		return a
	}
	b := t.other(d, a, excluded)
	if b < 0 {
		return a
	}
	var now time.Time
	if t.clock != nil {
		now = t.clock()
	}
	if t.cost(&t.endpoints[b], now) < t.cost(&t.endpoints[a], now) {
		return b
	}
	return a
}

// other draws another than a, or takes the next one that is allowed when chance does not give one. -1: a stands alone.
func (t *TwoChoices) other(d *drawing, a int, excluded Excluder) int {
	for range 8 {
		if b := t.draw(d); b != a && allowed(b, excluded) {
			return b
		}
	}
	at := slices.Index(d.endpoints, int32(a))
	for i := 1; i < len(d.endpoints); i++ {
		if b := int(d.endpoints[(at+i)%len(d.endpoints)]); b != a && allowed(b, excluded) {
			return b
		}
	}
	return -1
}

// Done implements Picker.
func (*TwoChoices) Done(int) {}
