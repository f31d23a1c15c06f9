package gateway

import "github.com/caddyserver/caddy/v2"

// Redis is a Redis server, version 5 or later, in which gateways share what they count. Loom connects when the first request needs
// it.
type Redis struct {
	// Address of the server: host:port, or the path of its socket. Required.
	Address string `json:"address,omitempty"`

	// Username to log in with. Default: that of the server's default user.
	Username string `json:"username,omitempty"`

	// Password to log in with; `{env.NAME}` and `{file.PATH}` are read when the config is loaded. Default: not logged in.
	Password string `json:"password,omitempty"`

	// DB is the number of the database. Default: 0.
	DB int `json:"db,omitempty"`

	// TLS to the server, with its settings or as `{}`. Default: none.
	TLS *UpstreamTLS `json:"tls,omitempty"`

	// Prefix of all keys. Gateways that share counters have the same. Default: `loom:rate:`.
	Prefix string `json:"prefix,omitempty"`

	// Timeout of one decision, with all that it takes: a connection, its login, the answer. Default: 100ms.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// RetryInterval is how long the server is left alone after three failures in a row. Then one request asks it at a time.
	// Default: 1s.
	RetryInterval caddy.Duration `json:"retry_interval,omitempty"`

	// PoolSize is the most connections to the server. Default: 64.
	PoolSize int `json:"pool_size,omitempty"`
}
