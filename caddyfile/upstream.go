package caddyfile

import (
	"errors"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/loom-gateway/loom/modules/gateway"
)

// readUpstream reads an upstream of the global option. At least one address is required.
//
//	upstream <name> [<address>...] {
//		to <address>...
//		to <address> [weight <number>] [resolve a|srv]
//		dns {
//			resolvers <ip[:port]>...
//			interval  <duration>
//			timeout   <duration>
//		}
//		load_balancer round_robin|weighted|least_conn|random|p2c|ewma|consistent_hash
//		hash {
//			header         <name>
//			cookie         <name>
//			client_ip
//			balance_factor <percent>
//		}
//		protocol       http|https|h2c|grpc
//		proxy_protocol v1|v2
//		tls {
//			server_name <name>
//			ca          <file.pem>
//			cert        <file.pem>
//			key         <file.pem>
//			min_version tls1.2|tls1.3
//			insecure_skip_verify
//		}
//		connection_pool {
//			max_idle_per_endpoint     <number>
//			max_per_endpoint          <number>
//			max_requests_per_endpoint <number>
//			max_waiting               <number>
//			wait_timeout              <duration>
//			idle_timeout              <duration>
//			dial_timeout              <duration>
//		}
//		transport {
//			engine              loom|stock
//			max_response_header <size>
//		}
//		health_check [<path>] {
//			type                http|tcp|grpc
//			path                <path>
//			method              <method>
//			host                <host>
//			header              <name> <value>
//			expect_status       <status>...
//			expect_body         <regexp>
//			service             <name>
//			interval            <duration>
//			jitter              <percent>
//			timeout             <duration>
//			healthy_threshold   <number>
//			unhealthy_threshold <number>
//			initial             healthy|unhealthy
//		}
//		circuit_breaker {
//			failure_threshold  <number>
//			failure_rate       <percent>
//			minimum_requests   <number>
//			window             <duration>
//			failure_statuses   <status>...
//			success_threshold  <number>
//			timeout            <duration>
//			half_open_requests <number>
//		}
//		passive_health {
//			failure_threshold <number>
//			failure_statuses  <status>...
//			ejection_time     <duration>
//			max_ejection_time <duration>
//			max_ejected       <percent>
//		}
//		panic_threshold <percent>
//		slow_start      <duration>
//		retries off
//		retries {
//			attempts        <number>
//			on              <condition>...
//			per_try_timeout <duration>
//			methods         <method>...
//			body_limit      <size>
//			backoff         <base> [<max>]
//		}
//		retry_budget {
//			percent        <percent>
//			window         <duration>
//			min_per_second <number>
//		}
//	}
func readUpstream(d *caddyfile.Dispenser, into map[string]*gateway.Upstream) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("upstream takes a name and the addresses of its backends")
	}
	if _, again := into[args[0]]; again {
		return d.Errf("upstream %q is defined twice", args[0])
	}
	upstream := &gateway.Upstream{}
	for _, address := range args[1:] {
		upstream.Endpoints = append(upstream.Endpoints, gateway.Endpoint{Address: address})
	}
	if err := upstreamBlock(args[0], upstream).read(d); err != nil {
		return err
	}
	if len(upstream.Endpoints) == 0 {
		return d.Errf("upstream %q needs an address, such as `to localhost:3000`", args[0])
	}
	into[args[0]] = upstream
	return nil
}

func upstreamBlock(name string, u *gateway.Upstream) *block {
	return &block{
		owner: "upstream " + name,
		words: map[string]reader{
			"to":              func(d *caddyfile.Dispenser) error { return readEndpoints(d, u) },
			"load_balancer":   text(&u.LoadBalancer),
			"dns":             func(d *caddyfile.Dispenser) error { return readDNS(d, u) },
			"hash":            func(d *caddyfile.Dispenser) error { return readHash(d, u) },
			"protocol":        text(&u.Protocol),
			"proxy_protocol":  text(&u.ProxyProtocol),
			"tls":             func(d *caddyfile.Dispenser) error { return readClientTLS(d, &u.TLS) },
			"connection_pool": func(d *caddyfile.Dispenser) error { return readPool(d, u) },
			"transport":       func(d *caddyfile.Dispenser) error { return readTransport(d, u) },
			"health_check":    func(d *caddyfile.Dispenser) error { return readHealthCheck(d, u) },
			"circuit_breaker": func(d *caddyfile.Dispenser) error { return readBreaker(d, u) },
			"passive_health":  func(d *caddyfile.Dispenser) error { return readPassiveHealth(d, u) },
			"panic_threshold": number(&u.PanicThreshold),
			"slow_start":      duration(&u.SlowStart),
			"retries":         readRetries(&u.Retries),
			"retry_budget":    func(d *caddyfile.Dispenser) error { return readRetryBudget(d, u) },
		},
		many: []string{"to"},
	}
}

// readEndpoints reads addresses, or one address with what is said of it.
func readEndpoints(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("to needs an address, such as `to localhost:3000`")
	}
	if len(args) >= 3 && (args[1] == "weight" || args[1] == "resolve") {
		endpoint, err := readEndpoint(d, args)
		u.Endpoints = append(u.Endpoints, endpoint)
		return errors.Join(err, noBlock(d, "to"))
	}
	for _, address := range args {
		if address == "weight" || address == "resolve" {
			return d.Errf("a %s belongs to one address: `to <address> [weight <number>] [resolve a|srv]`", address)
		}
		u.Endpoints = append(u.Endpoints, gateway.Endpoint{Address: address})
	}
	return noBlock(d, "to")
}

func readEndpoint(d *caddyfile.Dispenser, args []string) (e gateway.Endpoint, err error) {
	e.Address = args[0]
	for words := args[1:]; len(words) > 0; words = words[2:] {
		switch {
		case len(words) == 1:
			return e, d.Errf("%s needs a value", words[0])
		case words[0] == "weight":
			if e.Weight, err = strconv.Atoi(words[1]); err != nil || e.Weight < 1 {
				return e, d.Errf("weight takes a whole number from 1 up, not %q", words[1])
			}
		case words[0] == "resolve":
			e.Resolve = words[1]
		default:
			return e, d.Errf("to takes weight and resolve behind an address, not %q", words[0])
		}
	}
	return e, nil
}

func readDNS(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	u.DNS = &gateway.UpstreamDNS{}
	b := block{owner: "dns", words: map[string]reader{
		"resolvers": list(&u.DNS.Resolvers),
		"interval":  duration(&u.DNS.Interval),
		"timeout":   duration(&u.DNS.Timeout),
	}}
	return b.readAlone(d)
}

func readHash(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	u.Hash = &gateway.UpstreamHash{}
	b := block{owner: "hash", words: map[string]reader{
		"header":         text(&u.Hash.Header),
		"cookie":         text(&u.Hash.Cookie),
		"client_ip":      onOff(&u.Hash.ClientIP),
		"balance_factor": number(&u.Hash.BalanceFactor),
	}}
	return b.readAlone(d)
}

// readClientTLS reads how the certificate of a server is checked.
func readClientTLS(d *caddyfile.Dispenser, into **gateway.UpstreamTLS) error {
	t := &gateway.UpstreamTLS{}
	*into = t
	b := block{owner: "tls", words: map[string]reader{
		"server_name":          text(&t.ServerName),
		"ca":                   text(&t.CA),
		"cert":                 text(&t.Cert),
		"key":                  text(&t.Key),
		"min_version":          text(&t.MinVersion),
		"insecure_skip_verify": onOff(&t.InsecureSkipVerify),
	}}
	return b.readAlone(d)
}

func readPool(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	u.ConnectionPool = &gateway.ConnectionPool{}
	b := block{owner: "connection_pool", words: map[string]reader{
		"max_idle_per_endpoint":     number(&u.ConnectionPool.MaxIdlePerEndpoint),
		"max_per_endpoint":          number(&u.ConnectionPool.MaxPerEndpoint),
		"max_requests_per_endpoint": number(&u.ConnectionPool.MaxRequestsPerEndpoint),
		"max_waiting":               number(&u.ConnectionPool.MaxWaiting),
		"wait_timeout":              duration(&u.ConnectionPool.WaitTimeout),
		"idle_timeout":              duration(&u.ConnectionPool.IdleTimeout),
		"dial_timeout":              duration(&u.ConnectionPool.DialTimeout),
	}}
	return b.readAlone(d)
}

func readTransport(d *caddyfile.Dispenser, u *gateway.Upstream) error {
	u.Transport = &gateway.UpstreamTransport{}
	b := block{owner: "transport", words: map[string]reader{
		"engine":              text(&u.Transport.Engine),
		"max_response_header": size(&u.Transport.MaxResponseHeader),
	}}
	return b.readAlone(d)
}
