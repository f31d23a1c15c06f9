package loomadapter

// RateLimit is how many requests clients may make, gateway-wide or of a route.
type RateLimit struct {
	Pos          Pos        `yaml:"-"`
	Enabled      *bool      `yaml:"enabled" doc:"Default: true, when the section is there."`
	Rate         int        `yaml:"rate" doc:"Requests that pass in each per, in the long run. Required, unless there are limits."`
	Per          Duration   `yaml:"per" doc:"Time that the rate is about. Default: 1s."`
	Burst        int        `yaml:"burst" doc:"Requests that may come at once. Default: rate."`
	Limits       []Limit    `yaml:"limits" doc:"Up to four limits, all of which a request must keep, in place of rate, per and burst."`
	Key          StringList `yaml:"key" doc:"What counts apart: client_ip, header:NAME, cookie:NAME, claim:NAME, route, or all alone. Default: client_ip."`
	IPv6Prefix   int        `yaml:"ipv6_prefix" doc:"Bits of an IPv6 address that count. Default: 64."`
	OnMissingKey string     `yaml:"on_missing_key" enum:"client_ip,allow,deny" doc:"What becomes of a request without a header, cookie or claim of the key: its address counts, it passes, or 400. Default: client_ip."`
	AfterPlugins bool       `yaml:"after_plugins" doc:"Counts behind the route's plugins, such as by a header that one sets. With a claim always true. Default: false."`
	Name         string     `yaml:"name" doc:"What counts together. Default: gateway, or the route's id."`
	MaxKeys      int        `yaml:"max_keys" doc:"Most keys that are known in this process, about 20 bytes each. Default: 1000000."`
	Redis        string     `yaml:"redis" doc:"Name of a Redis server that counts for many gateways. Default: none."`
	OnStoreError string     `yaml:"on_store_error" enum:"local,allow,deny" doc:"What becomes of requests while redis does not answer: counted in this process, passed, or 503. Default: local."`
	Headers      string     `yaml:"headers" enum:"trio,draft,off" doc:"Fields of responses: RateLimit-Limit, -Remaining and -Reset, or the RateLimit and RateLimit-Policy of the IETF's draft. Default: trio."`
	Enforce      *bool      `yaml:"enforce" doc:"false counts what would be refused, and refuses nothing. Default: true."`
}

func (*RateLimit) section() {}

// Limit is one of several limits.
type Limit struct {
	Pos   Pos      `yaml:"-"`
	Rate  int      `yaml:"rate" doc:"Requests that pass in each per, in the long run. Required."`
	Per   Duration `yaml:"per" doc:"Time that the rate is about. Default: 1s."`
	Burst int      `yaml:"burst" doc:"Requests that may come at once. Default: rate."`
}

// Redis is a Redis server.
type Redis struct {
	Pos           Pos          `yaml:"-"`
	Name          string       `yaml:"name" doc:"Name by which rate limits find it. Required."`
	Address       string       `yaml:"address" doc:"host:port, or the path of its socket. Required."`
	Username      string       `yaml:"username" doc:"User to log in as. Default: the server's default user."`
	Password      string       `yaml:"password" doc:"Password; {env.NAME} and {file.PATH} are read when the config is loaded, and stay out of it. Default: not logged in."`
	DB            int          `yaml:"db" doc:"Number of the database. Default: 0."`
	TLS           *UpstreamTLS `yaml:"tls" doc:"TLS to the server; {} for TLS with the defaults. Default: none."`
	Prefix        string       `yaml:"prefix" doc:"Prefix of all keys. Default: loom:rate:."`
	Timeout       Duration     `yaml:"timeout" doc:"Longest time of a decision. Default: 100ms."`
	RetryInterval Duration     `yaml:"retry_interval" doc:"How long a server that does not answer is left alone. Default: 1s."`
	PoolSize      int          `yaml:"pool_size" doc:"Most connections. Default: 64."`
}
