package ratelimit

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func rules(t testing.TB, limits ...Limit) *Rules {
	t.Helper()
	r, err := NewRules(limits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// model is a token bucket by the book: tokens come back at the rate, in exact fractions. Nothing of GCRA is in it.
type model struct {
	limits []Limit
	keys   map[string][]*bucket
}

type bucket struct {
	tokens *big.Rat
	at     int64
}

func newModel(r *Rules) *model { return &model{limits: r.Limits(), keys: map[string][]*bucket{}} }

func (m *model) take(key string, now int64) (allowed bool, remaining []int64) {
	buckets := m.keys[key]
	if buckets == nil {
		for _, l := range m.limits {
			buckets = append(buckets, &bucket{big.NewRat(int64(l.Burst), 1), now})
		}
		m.keys[key] = buckets
	}
	allowed = true
	one := big.NewRat(1, 1)
	for i, b := range buckets {
		l := m.limits[i]
		back := big.NewRat((now-b.at)*int64(l.Rate), int64(l.Per))
		b.tokens.Add(b.tokens, back)
		if most := big.NewRat(int64(l.Burst), 1); b.tokens.Cmp(most) > 0 {
			b.tokens = most
		}
		b.at = now
		allowed = allowed && b.tokens.Cmp(one) >= 0
	}
	for _, b := range buckets {
		if allowed {
			b.tokens.Sub(b.tokens, one)
		}
		whole := new(big.Int).Quo(b.tokens.Num(), b.tokens.Denom())
		remaining = append(remaining, whole.Int64())
	}
	return allowed, remaining
}

// modelLimits have intervals of whole nanoseconds, in which GCRA is exact.
func modelLimits() [][]Limit {
	return [][]Limit{
		{{Rate: 10, Per: time.Second}},
		{{Rate: 1, Per: time.Minute}},
		{{Rate: 1_000_000, Per: time.Second, Burst: 3}},
		{{Rate: 10, Per: time.Second, Burst: 1}, {Rate: 100, Per: time.Minute}},
		{{Rate: 5, Per: time.Second, Burst: 50}, {Rate: 1000, Per: time.Hour, Burst: 20}, {Rate: 8, Per: time.Second}, {Rate: 10000, Per: 24 * time.Hour}},
	}
}

// compare takes from both and reports the first difference.
func compare(m *Memory, truth *model, r *Rules, key string, now int64, maxKeys int) error {
	got := m.Take([]byte(key), r, maxKeys)
	allowed, remaining := truth.take(key, now)
	if got.Allowed != allowed {
		return fmt.Errorf("%s at %s: allowed is %v, the model says %v", key, time.Duration(now), got.Allowed, allowed)
	}
	for i, want := range remaining {
		if got.Limits[i].Remaining != want {
			return fmt.Errorf("%s at %s: %d remain of limit %d, the model says %d", key, time.Duration(now), got.Limits[i].Remaining, i, want)
		}
	}
	return nil
}

func TestMemoryDoesAsTheModel(t *testing.T) {
	for i, limits := range modelLimits() {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			r := rules(t, limits...)
			var now int64
			m, truth := newMemory(len(limits), func() int64 { return now }), newModel(r)
			chance := rand.New(rand.NewPCG(1, uint64(i)))
			for range 30_000 {
				now += chance.Int64N(int64(r.rules[0].interval) / 4)
				if chance.IntN(500) == 0 {
					now += chance.Int64N(int64(2 * r.rules[0].full))
				}
				if err := compare(m, truth, r, "key"+strconv.Itoa(chance.IntN(20)), now, DefaultMaxKeys); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func FuzzMemory(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 1, 0, 0, 2, 10, 0})
	f.Add([]byte{4, 255, 255, 1, 1, 1, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 {
			return
		}
		r := rules(t, modelLimits()[int(script[0])%len(modelLimits())]...)
		var now int64
		m, truth := newMemory(r.n, func() int64 { return now }), newModel(r)
		for step := script[1:]; len(step) >= 3; step = step[3:] {
			now += int64(binary.LittleEndian.Uint16(step)) * int64(r.rules[0].interval) / 1000
			if err := compare(m, truth, r, "key"+strconv.Itoa(int(step[2])), now, DefaultMaxKeys); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestWhatClientsAreTold(t *testing.T) {
	var now int64
	m := newMemory(2, func() int64 { return now })
	r := rules(t, Limit{Rate: 2, Per: time.Second, Burst: 3}, Limit{Rate: 4, Per: time.Minute})
	var got []string
	for _, pause := range []time.Duration{0, 0, 0, 0, 500 * time.Millisecond, 0, 10 * time.Second, 5 * time.Second} {
		now += int64(pause)
		d := m.Take([]byte("k"), r, DefaultMaxKeys)
		s := d.Limits[d.Strictest]
		got = append(got, fmt.Sprintf("%v limit %d remaining %d reset %s retry %s", d.Allowed, d.Strictest, s.Remaining, s.Reset, s.RetryAfter))
	}
	want := []string{
		"true limit 0 remaining 2 reset 500ms retry 0s",
		"true limit 0 remaining 1 reset 1s retry 0s",
		"true limit 0 remaining 0 reset 1.5s retry 500ms",
		"false limit 0 remaining 0 reset 1.5s retry 500ms",
		"true limit 1 remaining 0 reset 59.5s retry 14.5s",
		"false limit 1 remaining 0 reset 59.5s retry 14.5s",
		"false limit 1 remaining 0 reset 49.5s retry 4.5s",
		"true limit 1 remaining 0 reset 59.5s retry 14.5s",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("request %d: %s, want %s", i+1, got[i], want[i])
		}
	}
}

func TestRefusedLimits(t *testing.T) {
	for want, limits := range map[string][]Limit{
		"there are 0 limits": nil,
		"there are 5 limits": make([]Limit, 5),
		"rate must be":       {{Per: time.Second}},
		"per must be":        {{Rate: 1}},
		"burst must be":      {{Rate: 1, Per: time.Second, Burst: -1}},
		"above the highest":  {{Rate: 2_000_001, Per: time.Second}},
		"ten years":          {{Rate: 1, Per: 24 * time.Hour, Burst: 4000}},
		"limit 2":            {{Rate: 1, Per: time.Second}, {}},
	} {
		if _, err := NewRules(limits); err == nil || !contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", limits, err, want)
		}
	}
}

// What was used stays used when the rules change, and nobody waits longer than the new rules have it.
func TestChangedRules(t *testing.T) {
	var now int64
	m := newMemory(1, func() int64 { return now })
	slow, fast := rules(t, Limit{Rate: 10, Per: time.Minute}), rules(t, Limit{Rate: 10, Per: time.Second})
	for range 10 {
		m.Take([]byte("k"), slow, DefaultMaxKeys)
	}
	d := m.Take([]byte("k"), fast, DefaultMaxKeys)
	if d.Allowed || d.Limits[0].RetryAfter != 100*time.Millisecond {
		t.Errorf("a client that had nothing left: %+v", d)
	}
	now += int64(100 * time.Millisecond)
	if d = m.Take([]byte("k"), fast, DefaultMaxKeys); d.Allowed {
		t.Error("time that was stored under the slow rules has passed at once")
	}
	now += int64(time.Minute)
	if d = m.Take([]byte("k"), fast, DefaultMaxKeys); !d.Allowed || d.Limits[0].Remaining != 9 {
		t.Errorf("after a minute: %+v", d)
	}
}

// At the bound the keys go that are full again; of those that are not, never the clients at their limit first.
func TestEviction(t *testing.T) {
	var now int64
	const most = 64 * shards
	m := newMemory(1, func() int64 { return now })
	r := rules(t, Limit{Rate: 1, Per: time.Second, Burst: 10})
	key := func(kind string, i int) []byte { return []byte(kind + strconv.Itoa(i)) }
	for i := range 500 { // clients at their limit
		for range 10 {
			m.Take(key("bad", i), r, most)
		}
	}
	for i := range 20 * most { // and a flood of others
		m.Take(key("once", i), r, most)
	}
	stats := m.Stats()
	if stats.Keys > most || stats.Evicted == 0 {
		t.Errorf("%+v, the most is %d", stats, most)
	}
	forgotten := 0
	for i := range 500 {
		if m.Take(key("bad", i), r, most).Allowed {
			forgotten++
		}
	}
	if forgotten > 5 {
		t.Errorf("%d of 500 clients at their limit were forgotten", forgotten)
	}

	now += int64(time.Hour) // all are full again
	before := m.Stats().Evicted
	for i := range most / 2 {
		m.Take(key("new", i), r, most)
	}
	if after := m.Stats(); after.Evicted != before || after.Keys > most {
		t.Errorf("evicted %d although keys were full again: %+v", after.Evicted-before, after)
	}
}

// The same keys at a bound are counted exactly as long as they fit.
func TestKeysThatFitAreExact(t *testing.T) {
	var now int64
	r := rules(t, Limit{Rate: 1, Per: time.Second, Burst: 2})
	m, truth := newMemory(1, func() int64 { return now }), newModel(r)
	chance := rand.New(rand.NewPCG(2, 3))
	const most = 40_000
	for range 150_000 {
		now += chance.Int64N(int64(100 * time.Microsecond))
		if err := compare(m, truth, r, "key"+strconv.Itoa(chance.IntN(most*9/10)), now, most); err != nil {
			t.Fatal(err)
		}
	}
	if s := m.Stats(); s.Evicted != 0 || s.Keys > most {
		t.Errorf("%+v", s)
	}
}

func TestLowerBound(t *testing.T) {
	m := NewMemory(1)
	r := rules(t, Limit{Rate: 1, Per: time.Hour})
	for i := range 10_000 {
		m.Take([]byte(strconv.Itoa(i)), r, 20_000)
	}
	for i := range 10_000 {
		m.Take([]byte("new"+strconv.Itoa(i)), r, MinMaxKeys)
	}
	if s := m.Stats(); s.Keys > MinMaxKeys {
		t.Errorf("%d keys, the most is %d", s.Keys, MinMaxKeys)
	}
}

func TestConcurrentTakesGiveExactlyTheLimit(t *testing.T) {
	m := newMemory(2, func() int64 { return 1 })
	r := rules(t, Limit{Rate: 500, Per: time.Second}, Limit{Rate: 100, Per: time.Hour, Burst: 300})
	var allowed [10]atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 5000 {
				if m.Take([]byte(strconv.Itoa(i%10)), r, 2000).Allowed {
					allowed[i%10].Add(1)
				}
				m.Take([]byte("other"+strconv.Itoa(i)), r, DefaultMaxKeys)
			}
		})
	}
	wg.Wait()
	for i := range allowed {
		if n := allowed[i].Load(); n != 300 {
			t.Errorf("key %d: %d requests were allowed, the burst is 300", i, n)
		}
	}
}

func TestAKnownKeyCostsNoAllocation(t *testing.T) {
	m := NewMemory(2)
	r := rules(t, Limit{Rate: 10, Per: time.Second}, Limit{Rate: 1000, Per: time.Hour})
	key := []byte("192.0.2.1")
	m.Take(key, r, DefaultMaxKeys)
	if n := testing.AllocsPerRun(1000, func() { m.Take(key, r, DefaultMaxKeys) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A million keys that are all in use, and as many more that come by once.
func TestMemoryOfAMillionKeys(t *testing.T) {
	flood := 1_000_000
	if testing.Short() {
		flood = 100_000
	}
	before := heapBytes()
	m := NewMemory(1)
	r := rules(t, Limit{Rate: 1, Per: time.Hour})
	var key [8]byte
	for i := range DefaultMaxKeys + flood {
		binary.LittleEndian.PutUint64(key[:], uint64(i))
		m.Take(key[:], r, DefaultMaxKeys)
	}
	used, stats := heapBytes()-before, m.Stats()
	t.Logf("%d keys, %d bytes, %.1f each", stats.Keys, used, float64(used)/float64(stats.Keys))
	if stats.Keys > DefaultMaxKeys || stats.Keys < DefaultMaxKeys*98/100 {
		t.Errorf("%d keys", stats.Keys)
	}
	if used > 24*DefaultMaxKeys {
		t.Errorf("%d bytes for %d keys", used, stats.Keys)
	}
	runtime.KeepAlive(m)
}
