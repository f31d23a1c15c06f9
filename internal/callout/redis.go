package callout

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/redis"
	"github.com/loom-gateway/loom/internal/upstream"
)

// maxServices bounds how many logins a plugin may set up.
const maxServices = 100

// redisServices are the services that a plugin has set up, by the name that it gave, with ?db=N and all.
type redisServices struct {
	mu     sync.Mutex
	byName map[string]*redisService
}

type redisService struct {
	settings proxywasm.RedisService
	pool     *redis.Pool
}

// InitRedis implements proxywasm.RedisCaller. All instances of a plugin set up the same services, so the same settings
// again change nothing; other settings replace the old.
func (c *Caller) InitRedis(s proxywasm.RedisService) error {
	name, db, err := parseService(s.Name)
	if err != nil {
		return fmt.Errorf("%w: %w", proxywasm.ErrBadCall, err)
	}
	if _, err := c.find(name, false, upstream.HTTP); err != nil {
		return err
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		u, err := c.find(name, false, upstream.HTTP) // at each time: a reload may have changed it
		if err != nil {
			return nil, err
		}
		return dialUpstream(ctx, u)
	}
	pool := redis.NewPool(redis.Options{
		Dial: dial, Username: s.Username, Password: s.Password, DB: db, MaxReply: maxBody,
	})
	return c.redis.set(&redisService{s, pool})
}

func (r *redisServices) set(s *redisService) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.byName[s.settings.Name]
	switch {
	case old != nil && old.settings == s.settings:
		return nil
	case old != nil:
		old.pool.Close()
	case len(r.byName) >= maxServices:
		return fmt.Errorf("%w Redis services: the most is %d", proxywasm.ErrTooMany, maxServices)
	}
	if r.byName == nil {
		r.byName = map[string]*redisService{}
	}
	r.byName[s.settings.Name] = s
	return nil
}

// CallRedis implements proxywasm.RedisCaller.
func (c *Caller) CallRedis(name string, command []byte, done func(proxywasm.RedisResult)) (func(), error) {
	s := c.redis.get(name)
	if s == nil {
		return nil, fmt.Errorf("%w %q for Redis: call proxy_redis_init with that name first", proxywasm.ErrUnknownUpstream, name)
	}
	if err := redis.CheckCommand(command); err != nil {
		return nil, fmt.Errorf("%w: %w", proxywasm.ErrBadCall, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout(s.settings.Timeout))
	c.run(func() {
		defer cancel()
		reply, err := s.pool.Do(ctx, command)
		result := proxywasm.RedisResult{Reply: reply}
		if err != nil {
			result = proxywasm.RedisResult{Failure: err.Error()}
		}
		if answered(ctx) {
			done(result)
		}
	})
	return cancel, nil
}

func (r *redisServices) get(name string) *redisService {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byName[name]
}

func (r *redisServices) each(f func(*redis.Pool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.byName {
		f(s.pool)
	}
}

func (r *redisServices) closeIdle() { r.each((*redis.Pool).CloseIdle) }

func (r *redisServices) close() { r.each((*redis.Pool).Close) }

// parseService splits NAME?db=N. Other settings of Higress' client (buffer sizes) have no meaning here.
func parseService(service string) (name string, db int, err error) {
	name, query, _ := strings.Cut(service, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", 0, fmt.Errorf("reading the settings of Redis service %q: %w", service, err)
	}
	if text := values.Get("db"); text != "" {
		if db, err = strconv.Atoi(text); err != nil || db < 0 {
			return "", 0, fmt.Errorf("the db of Redis service %q is not a number", service)
		}
	}
	return name, db, nil
}

// dialUpstream connects to one of the upstream's endpoints.
func dialUpstream(ctx context.Context, u *upstream.Upstream) (net.Conn, error) {
	call := u.Begin()
	conn, err := call.Dial(ctx)
	if err != nil {
		call.End()
		return nil, err
	}
	return &redisConn{Conn: conn, end: sync.OnceFunc(call.End)}, nil
}

// redisConn tells the upstream when its connection is closed.
type redisConn struct {
	net.Conn
	end func()
}

// Close implements net.Conn.
func (c *redisConn) Close() error {
	defer c.end()
	return c.Conn.Close()
}
