package ratelimit

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	_ "embed" // the script
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/loom-gateway/loom/internal/circuit"
)

//go:embed take.lua
var takeSource string

// The client would write to standard error what is returned to the caller, and counted there.
func init() { logging.Disable() }

// Defaults of RedisOptions.
const (
	DefaultTimeout       = 100 * time.Millisecond
	DefaultRetryInterval = time.Second
	DefaultPoolSize      = 64
	DefaultPrefix        = "loom:rate:"
)

// failuresInARow open the breaker.
const failuresInARow = 3

// ErrUnavailable is a decision that was not asked for, because Redis did not answer a moment ago.
var ErrUnavailable = errors.New("redis did not answer a moment ago")

// RedisOptions say how a Redis server is reached. Zero fields stand for the defaults.
type RedisOptions struct {
	// Address is its host:port, or the path of its socket when it begins with a slash. Required.
	Address string
	// Username and Password log in. Default: not logged in; a password without a name is that of the default user.
	Username, Password string
	// DB is the database. Default: 0.
	DB int
	// TLS to the server. Default: none.
	TLS *tls.Config
	// Prefix of all keys. Default: DefaultPrefix.
	Prefix string
	// Timeout of one decision, with all that it takes: a connection, its login, the answer. Default: DefaultTimeout.
	Timeout time.Duration
	// RetryInterval is how long nobody asks a server that does not answer; then one request tries. Default: DefaultRetryInterval.
	RetryInterval time.Duration
	// PoolSize is the most connections. Default: DefaultPoolSize.
	PoolSize int
}

// WithDefaults fills in what is not set.
func (o RedisOptions) WithDefaults() RedisOptions {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.RetryInterval == 0 {
		o.RetryInterval = DefaultRetryInterval
	}
	if o.PoolSize == 0 {
		o.PoolSize = DefaultPoolSize
	}
	return o
}

// Redis counts in a Redis server (5 or later) that gateways share, by its clock: one script for each decision, so that no two
// gateways count the same request as the last one. It connects when it is first asked. It is safe for concurrent use.
type Redis struct {
	options  RedisOptions
	script   *redis.Script
	breaker  circuit.Breaker
	settings circuit.Settings
	observe  atomic.Pointer[func(RedisEvent)]

	mu     sync.Mutex
	client *redis.Client // nil until it is used
	users  int
	closed bool
}

// RedisEvent is that a server stopped answering, or answers again.
type RedisEvent struct {
	Available bool
	Err       error // why it is not available
}

// NewRedis makes a store. It opens no connection.
func NewRedis(o RedisOptions) *Redis {
	o = o.WithDefaults()
	return &Redis{
		options: o, script: redis.NewScript(takeSource),
		settings: circuit.Settings{FailureThreshold: failuresInARow, SuccessThreshold: 1, Timeout: o.RetryInterval}.WithDefaults(),
	}
}

func (r *Redis) newClient() *redis.Client {
	o := &r.options
	network := "tcp"
	if o.Address[0] == '/' {
		network = "unix"
	}
	return redis.NewClient(&redis.Options{
		Network: network, Addr: o.Address, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLS,
		DialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout, ContextTimeoutEnabled: true,
		PoolSize: o.PoolSize, MaxActiveConns: o.PoolSize, PipelinePoolSize: -1, ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10,
		// A decision is not asked for twice: it could be counted twice.
		MaxRetries: -1, DialerRetries: 1,
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Take decides about one request of a key. name tells limiters apart. It takes Timeout at most, whatever becomes of the request:
// a decision that is given up would cost a connection. Errors: ErrUnavailable, and what the network or the server says.
func (r *Redis) Take(name string, key []byte, rules *Rules) (Decision, error) {
	permit, _, ok := r.breaker.Allow(&r.settings, time.Now)
	if !ok {
		return Decision{}, ErrUnavailable
	}
	decision, err := r.ask(name, key, rules)
	outcome := circuit.Success
	if err != nil {
		outcome = circuit.Failure
	}
	r.tell(r.breaker.Done(permit, outcome, &r.settings, time.Now), err)
	return decision, err
}

// SetObserver has observe told, on a goroutine of its own, when the server stops answering and when it answers again. It takes the
// place of the one before.
func (r *Redis) SetObserver(observe func(RedisEvent)) { r.observe.Store(&observe) }

// tell is silent when a probe has failed: that is no news.
func (r *Redis) tell(change circuit.Change, err error) {
	observe := r.observe.Load()
	if !change.Happened() || observe == nil || change.From == circuit.HalfOpen && change.To == circuit.Open {
		return
	}
	go (*observe)(RedisEvent{Available: change.To == circuit.Closed, Err: err})
}

func (r *Redis) ask(name string, key []byte, rules *Rules) (Decision, error) {
	client := r.use()
	defer r.done()
	ctx, cancel := context.WithTimeout(context.Background(), r.options.Timeout)
	defer cancel()
	answer, err := r.script.Run(ctx, client, []string{r.key(name, key, rules.n)}, rules.arguments()...).Int64Slice()
	if err != nil {
		return Decision{}, fmt.Errorf("asking redis: %w", err)
	}
	return rules.read(answer)
}

// key is the same in all gateways, short, and tells nobody who reads it what it is made of, such as a client's API key.
func (r *Redis) key(name string, key []byte, n int) string {
	hash := sha256.New()
	_, _ = hash.Write([]byte(name + "\x00" + strconv.Itoa(n) + "\x00"))
	_, _ = hash.Write(key)
	return r.options.Prefix + hex.EncodeToString(hash.Sum(nil)[:16])
}

func (r *Rules) arguments() []any {
	arguments := make([]any, 0, 2*r.n)
	for _, rule := range r.rules[:r.n] {
		arguments = append(arguments, float64(rule.interval)/float64(time.Microsecond), rule.burst)
	}
	return arguments
}

// read makes a decision of the script's answer.
func (r *Rules) read(answer []int64) (Decision, error) {
	if len(answer) != 1+r.n {
		return Decision{}, fmt.Errorf("redis answered %d numbers, not %d", len(answer), 1+r.n)
	}
	var lacks [MaxLimits]time.Duration
	for i := range r.n {
		lacks[i] = min(max(0, time.Duration(answer[1+i])*time.Microsecond), r.rules[i].full)
	}
	return r.decision(answer[0] == 1, &lacks), nil
}

// use takes the client, and makes it when there is none.
func (r *Redis) use() *redis.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client == nil {
		r.client = r.newClient()
	}
	r.users++
	return r.client
}

func (r *Redis) done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users--
	r.closeUnused()
}

// Close closes the connections when nobody waits for an answer any more. A request that still comes gets its answer, on a
// connection that is closed behind it.
func (r *Redis) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.closeUnused()
}

func (r *Redis) closeUnused() {
	if r.closed && r.users == 0 && r.client != nil {
		_ = r.client.Close()
		r.client = nil
	}
}

// Available reports whether the server is asked.
func (r *Redis) Available() bool { return r.breaker.State() == circuit.Closed }

// CheckAddress reports what is wrong with the address of a server.
func CheckAddress(address string) error {
	if address == "" {
		return errors.New("address is missing: write host:port, such as localhost:6379")
	}
	if address[0] == '/' {
		return nil
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fmt.Errorf("address %q: write host:port, such as localhost:6379, or the path of a socket", address)
	}
	return nil
}
