package ratelimit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/internal/redis/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }

// patience is for what must come, however slow the machine is.
const patience = 30 * time.Second

// newStore has a long timeout, so that a slow machine is not taken for a dead server.
func newStore(t testing.TB, addr string, change ...func(*RedisOptions)) *Redis {
	t.Helper()
	o := RedisOptions{Address: addr, Timeout: 10 * time.Second, RetryInterval: 20 * time.Millisecond}
	for _, c := range change {
		c(&o)
	}
	store := NewRedis(o)
	t.Cleanup(store.Close)
	return store
}

func mustTake(t *testing.T, store *Redis, key string, r *Rules) Decision {
	t.Helper()
	d, err := store.Take("test", []byte(key), r)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// eventually waits until the store decides again.
func eventually(t *testing.T, store *Redis, r *Rules) Decision {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		d, err := store.Take("test", []byte("eventually"), r)
		if err == nil {
			return d
		}
		if time.Now().After(deadline) {
			t.Fatalf("the store does not come back: %v", err)
		}
	}
}

// Two gateways with many requests at once let exactly as many pass as one would.
func TestGatewaysShareALimit(t *testing.T) {
	server := redistest.Start(t)
	stores := []*Redis{newStore(t, server.Addr), newStore(t, server.Addr)}
	r := rules(t, Limit{Rate: 1, Per: time.Hour, Burst: 150}, Limit{Rate: 500, Per: 24 * time.Hour})
	var allowed, lowest atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 50 {
				d, err := stores[i%2].Take("shared", []byte("k"), r)
				if err != nil {
					t.Error(err)
				}
				if d.Allowed {
					allowed.Add(1)
				}
				if d.Allowed && d.Limits[0].Remaining == 0 {
					lowest.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 150 || lowest.Load() != 1 {
		t.Errorf("%d requests were allowed and %d of them were the last one, want 150 and 1", allowed.Load(), lowest.Load())
	}
}

// The script and Memory are two writings of one algorithm.
func TestRedisDoesAsMemory(t *testing.T) {
	store, memory := newStore(t, redistest.Start(t).Addr), newMemory(3, func() int64 { return 1 })
	r := rules(t, Limit{Rate: 3, Per: time.Hour}, Limit{Rate: 7, Per: 3 * time.Hour, Burst: 5}, Limit{Rate: 100, Per: 24 * time.Hour, Burst: 4})
	for i := range 8 {
		got, want := mustTake(t, store, "k", r), memory.Take([]byte("k"), r, DefaultMaxKeys)
		if got.Allowed != want.Allowed || got.Strictest != want.Strictest {
			t.Errorf("request %d: %+v, in memory %+v", i+1, got, want)
		}
		for limit := range r.n {
			g, w := got.Limits[limit], want.Limits[limit]
			near := func(a, b time.Duration) bool { return (a - b).Abs() < patience } // time passes at the server
			if g.Remaining != w.Remaining || !near(g.Reset, w.Reset) || !near(g.RetryAfter, w.RetryAfter) {
				t.Errorf("request %d, limit %d: %+v, in memory %+v", i+1, limit, g, w)
			}
		}
	}
}

// Intervals that are no whole number of microseconds do not take the last request of a burst away.
func TestBurstsOfFractions(t *testing.T) {
	store := newStore(t, redistest.Start(t).Addr)
	for _, rate := range []int{3, 7, 11, 13, 17, 19, 23} {
		r := rules(t, Limit{Rate: rate, Per: time.Hour})
		for i := range rate {
			if d := mustTake(t, store, "k"+strconv.Itoa(rate), r); !d.Allowed {
				t.Errorf("request %d of a burst of %d was refused", i+1, rate)
			}
		}
		if d := mustTake(t, store, "k"+strconv.Itoa(rate), r); d.Allowed {
			t.Errorf("request %d of a burst of %d was allowed", rate+1, rate)
		}
	}
}

func TestBucketsFillAgain(t *testing.T) {
	store := newStore(t, redistest.Start(t).Addr)
	r := rules(t, Limit{Rate: 1, Per: 50 * time.Millisecond, Burst: 1})
	began := time.Now()
	allowed := 0
	for allowed < 5 {
		if mustTake(t, store, "k", r).Allowed {
			allowed++
		}
		if time.Since(began) > patience {
			t.Fatalf("%d requests were allowed", allowed)
		}
	}
	if took := time.Since(began); took < 4*50*time.Millisecond-time.Millisecond {
		t.Errorf("5 requests passed within %s, their limit has 1 in 50ms", took)
	}
}

// Keys end when they are full again, say nothing about clients, and differ by limiter and number of limits.
func TestKeysInRedis(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, server.Addr, func(o *RedisOptions) { o.Prefix = "mine:" })
	one, two := Limit{Rate: 10, Per: time.Minute}, Limit{Rate: 100, Per: time.Hour}
	_, _ = store.Take("a", []byte("secret-api-key"), rules(t, one))
	_, _ = store.Take("b", []byte("secret-api-key"), rules(t, one))
	_, _ = store.Take("b", []byte("secret-api-key"), rules(t, one, two))
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatalf("%q, %v", keys, err)
	}
	for _, key := range keys {
		if !contains(key, "mine:") || contains(key, "secret") || len(key) != len("mine:")+32 {
			t.Errorf("key %q", key)
		}
		if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > 37*time.Second {
			t.Errorf("key %q lives for %s", key, ttl)
		}
	}
}

func TestScriptIsLoadedAgain(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, server.Addr)
	r := rules(t, Limit{Rate: 10, Per: time.Hour})
	mustTake(t, store, "k", r)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	if err := client.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if d := mustTake(t, store, "k", r); d.Limits[0].Remaining != 8 {
		t.Errorf("%+v", d.Limits[0])
	}
}

func TestLoginAndTLS(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "secret")
	r := rules(t, Limit{Rate: 10, Per: time.Hour})
	login := func(o *RedisOptions) { o.Password, o.DB = "secret", 3 }
	mustTake(t, newStore(t, server.Addr, login), "k", r)
	mustTake(t, newStore(t, server.Addr, login, func(o *RedisOptions) { o.Username = "default" }), "k", r)
	for _, password := range []string{"", "guess"} {
		_, err := newStore(t, server.Addr, func(o *RedisOptions) { o.Password = password }).Take("test", []byte("k"), r)
		if err == nil || contains(err.Error(), "guess") {
			t.Errorf("password %q: %v", password, err)
		}
	}
	addr, config := behindTLS(t, server.Addr)
	d := mustTake(t, newStore(t, addr, login, func(o *RedisOptions) { o.TLS = config }), "k", r)
	if d.Limits[0].Remaining != 7 {
		t.Errorf("over TLS: %+v", d.Limits[0])
	}
	if _, err := newStore(t, addr, login, func(o *RedisOptions) { o.TLS = &tls.Config{ServerName: "other.example", RootCAs: config.RootCAs} }).Take("test", []byte("k"), r); err == nil {
		t.Error("a certificate of another name was accepted")
	}
}

// behindTLS is the server behind a listener that ends TLS.
func behindTLS(t *testing.T, server string) (addr string, client *tls.Config) {
	t.Helper()
	lender := httptest.NewTLSServer(http.NotFoundHandler())
	defer lender.Close()
	client = &tls.Config{ServerName: "example.com", RootCAs: lender.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: lender.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			back, err := new(net.Dialer).DialContext(context.Background(), "tcp", server)
			if err != nil {
				front.Close()
				continue
			}
			wg.Go(func() { _, _ = io.Copy(back, front); back.Close() })
			wg.Go(func() { _, _ = io.Copy(front, back); front.Close() })
		}
	})
	return l.Addr().String(), client
}

// A server that is gone is asked a few times, then hardly ever; when it is back, so is the limit.
func TestServerComesBack(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, server.Addr, func(o *RedisOptions) { o.RetryInterval = patience })
	events := make(chan RedisEvent, 10)
	store.SetObserver(func(e RedisEvent) { events <- e })
	r := rules(t, Limit{Rate: 1000, Per: time.Hour})
	mustTake(t, store, "k", r)
	server.Stop()
	asked := 0
	for range 1000 {
		_, err := store.Take("test", []byte("k"), r)
		switch {
		case err == nil:
			t.Fatal("an answer from a server that is gone")
		case !errors.Is(err, ErrUnavailable):
			asked++
		}
	}
	if asked != failuresInARow {
		t.Errorf("it was asked %d times, want %d", asked, failuresInARow)
	}
	if e := <-events; e.Available || e.Err == nil {
		t.Errorf("%+v", e)
	}
	server.Restart(t)
	store.breaker.Retry(time.Now())
	eventually(t, store, r)
	if e := <-events; !e.Available {
		t.Errorf("%+v", e)
	}
}

// A server that hangs holds up those who ask it first, for the timeout, and nobody after them.
func TestServerHangs(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, server.Addr, func(o *RedisOptions) { o.Timeout, o.RetryInterval = 200*time.Millisecond, patience })
	r := rules(t, Limit{Rate: 1000, Per: time.Hour})
	eventually(t, store, r)
	server.Pause(t)
	defer server.Resume(t)
	var asked atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if _, err := store.Take("test", []byte("k"), r); err == nil {
					t.Error("an answer from a server that hangs")
				} else if !errors.Is(err, ErrUnavailable) {
					asked.Add(1)
				}
			}
		})
	}
	began := time.Now()
	wg.Wait()
	if took := time.Since(began); took > patience/2 {
		t.Errorf("4000 requests took %s", took)
	}
	if n := asked.Load(); n < failuresInARow || n > failuresInARow+8 {
		t.Errorf("it was asked %d times by 8 at once, %d failures are enough", n, failuresInARow)
	}
	server.Resume(t)
	store.breaker.Retry(time.Now())
	eventually(t, store, r)
}

// A key that is not the store's own is an error, and not a decision.
func TestForeignKeys(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, server.Addr)
	r := rules(t, Limit{Rate: 10, Per: time.Hour})
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	client.RPush(t.Context(), store.key("test", []byte("list"), 1), "x")
	client.Set(t.Context(), store.key("test", []byte("text"), 1), "no number", 0)
	if _, err := store.Take("test", []byte("list"), r); err == nil {
		t.Error("a list was read as times")
	}
	if d := mustTake(t, store, "text", r); d.Limits[0].Remaining != 9 {
		t.Errorf("what is no time: %+v", d.Limits[0])
	}
}

// Requests of a config that is gone still get their answer, and leave nothing open.
func TestClosedStore(t *testing.T) {
	server := redistest.Start(t)
	store := newStore(t, server.Addr)
	r := rules(t, Limit{Rate: 10, Per: time.Hour})
	mustTake(t, store, "k", r)
	store.Close()
	if d := mustTake(t, store, "k", r); d.Limits[0].Remaining != 8 {
		t.Errorf("%+v", d.Limits[0])
	}
	if store.client != nil {
		t.Error("connections are left open")
	}
}

func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"localhost:6379": true, "[::1]:6379": true, "/run/redis.sock": true, "": false, "localhost": false, "redis://x:1/": false, "host:": false,
	} {
		if err := CheckAddress(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// What becomes of requests without the shared store, and with it again.
func TestOnError(t *testing.T) {
	for _, tc := range []struct {
		onError     OnError
		first, rest bool // of requests beyond what the burst has left
		known       bool
	}{
		{onError: Allow, first: true, rest: true},
		{onError: Deny},
		{onError: Local, first: true, known: true},
	} {
		t.Run(fmt.Sprint(tc.onError), func(t *testing.T) {
			server := redistest.Start(t)
			l := &Limiter{
				Name: "test", Rules: rules(t, Limit{Rate: 5, Per: time.Hour}), Memory: NewMemory(1), MaxKeys: DefaultMaxKeys,
				Shared: newStore(t, server.Addr), OnError: tc.onError,
			}
			for range 4 { // one is left
				if d, known, err := l.Take([]byte("k")); !d.Allowed || !known || err != nil {
					t.Fatalf("%+v %v %v", d, known, err)
				}
			}
			server.Stop()
			for i := range 10 {
				want := tc.rest
				if i == 0 {
					want = tc.first
				}
				if d, known, err := l.Take([]byte("k")); d.Allowed != want || known != tc.known || err == nil {
					t.Errorf("request %d without the store: allowed %v, known %v, %v", i+1, d.Allowed, known, err)
				}
			}
			server.Restart(t)
			eventually(t, l.Shared, l.Rules)
			if d, known, err := l.Take([]byte("k")); !d.Allowed || !known || err != nil || d.Limits[0].Remaining != 4 {
				t.Errorf("with an empty store: %+v %v %v", d, known, err)
			}
		})
	}
}
