package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/ratelimit"
	"github.com/loom-gateway/loom/internal/upstream"
)

// redisPool holds the connections to Redis of every config that is loaded or draining. The key covers all settings.
var redisPool = caddy.NewUsagePool() //nolint:gochecknoglobals // Caddy's way to outlive a config

// pooledRedis lets the pool close what no config uses any more.
type pooledRedis struct{ *ratelimit.Redis }

// Destruct closes the connections, the ones in use when they have their answer.
func (p pooledRedis) Destruct() error {
	p.Close()
	return nil
}

// takeRedis finds or makes the store of a server. It opens no connection.
func (s *limitSet) takeRedis(name string, config *Redis) error {
	if config == nil {
		config = &Redis{}
	}
	options, key, err := config.options()
	if err != nil {
		return err
	}
	key = name + "@" + key
	value, _, err := redisPool.LoadOrNew(key, func() (caddy.Destructor, error) {
		return pooledRedis{ratelimit.NewRedis(options)}, nil
	})
	if err != nil {
		return err
	}
	s.redisKeys = append(s.redisKeys, key)
	s.redis[name] = value.(pooledRedis).Redis
	return nil
}

// options reads what the config names, so that a changed password or certificate is another server.
func (c *Redis) options() (o ratelimit.RedisOptions, key string, err error) {
	o = ratelimit.RedisOptions{
		Address: c.Address, Username: c.Username, DB: c.DB, Prefix: c.Prefix,
		Timeout: time.Duration(c.Timeout), RetryInterval: time.Duration(c.RetryInterval), PoolSize: c.PoolSize,
	}
	if err := ratelimit.CheckAddress(c.Address); err != nil {
		return o, "", err
	}
	if c.DB < 0 || c.PoolSize < 0 || c.Timeout < 0 || c.RetryInterval < 0 {
		return o, "", errors.New("db, pool_size, timeout and retry_interval must not be negative")
	}
	if o.Password, err = caddy.NewReplacer().ReplaceOrErr(c.Password, true, true); err != nil {
		return o, "", fmt.Errorf("password: %w", err)
	}
	var files upstream.TLS
	if c.TLS != nil {
		if files, err = c.TLS.settings(); err != nil {
			return o, "", err
		}
		if o.TLS, err = files.Config(); err != nil {
			return o, "", err
		}
		if host, _, err := net.SplitHostPort(c.Address); err == nil && o.TLS.ServerName == "" {
			o.TLS.ServerName = host
		}
	}
	text, err := json.Marshal(struct {
		Config   *Redis
		Password string
		Files    upstream.TLS
	}{c, o.Password, files})
	sum := sha256.Sum256(text)
	return o, hex.EncodeToString(sum[:]), err
}

// RedisNamed finds the server of that name. The error names the nearest one that exists.
func (a *App) RedisNamed(name string) (*ratelimit.Redis, error) {
	if store, ok := a.limits.redis[name]; ok {
		return store, nil
	}
	if meant := nearest.Word(name, sortedNames(a.Redis)); meant != "" {
		return nil, fmt.Errorf("unknown redis %q: did you mean %q?", name, meant)
	}
	return nil, fmt.Errorf("unknown redis %q: the loom app has no redis of that name", name)
}

// observeRedis logs that a server has stopped answering, and that it is back.
func (a *App) observeRedis(ctx caddy.Context, name string) func(ratelimit.RedisEvent) {
	return func(e ratelimit.RedisEvent) {
		data := map[string]any{"redis": name}
		switch {
		case ctx.Err() != nil: // the config is gone, and so is its log
			return
		case e.Available:
			a.logger.Info("redis answers again", zap.String("redis", name))
			a.limits.emit("loom.redis.available", data)
		default:
			a.logger.Warn("redis does not answer: rate limits do what their on_store_error says", zap.String("redis", name), zap.Error(e.Err))
			data["reason"] = e.Err.Error()
			a.limits.emit("loom.redis.unavailable", data)
		}
	}
}

// Interface guard
var _ caddy.Destructor = pooledRedis{}
