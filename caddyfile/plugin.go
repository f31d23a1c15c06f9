package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/loom-gateway/loom/modules/gateway"
)

// readPlugin reads a plugin of the global option. All words but the name are optional; a
// plugin needs either a path or `bundled`.
//
//	plugin <name> [<path>] {
//		path           <file.wasm>
//		bundled        <name>
//		sha256         <hex digest>
//		phase          on_request_headers|on_request_body|on_request_trailers|
//		               on_response_headers|on_response_body|on_response_trailers|on_log
//		priority       <number>
//		config         <text> | { <key> <value>... }
//		vm_config      <text> | { <key> <value>... }
//		root_id        <text>
//		vm_id          <text>
//		env            <name> <value>
//		failure_policy reload|closed|open
//		instances      <number>
//		limits {
//			memory          <size>
//			call_timeout    <duration>
//			compile_timeout <duration>
//			start_timeout   <duration>
//			body            <size>
//			pause_timeout   <duration>
//			done_timeout    <duration>
//			tick_period     <duration>
//			configuration   <size>
//			log_rate        <number>
//			log_line        <size>
//			metrics         <number>
//			shared_data     <size>
//			queue_items     <number>
//			queue_data      <size>
//			calls           <number>
//			request_calls   <number>
//			request_calls_in_all <number>
//			call_body       <size>
//			call_bodies     <size>
//		}
//		circuit_breaker {
//			disabled
//			failure_threshold <number>
//			window            <duration>
//			timeout           <duration>
//			max_timeout       <duration>
//		}
//		recycle {
//			memory   <size>
//			age      <duration>
//			requests <number>
//		}
//		allow_on_headers_stop_iteration
//		profile         envoy|kong|apisix|higress|google
//		unknown_imports fail|stub
//		tick_mode       all|leader
//		allow_missing_abi_version
//		skip_own_local_reply
//		trusted
//		allow {
//			functions <name>...
//			upstreams none|<name>...
//			headers {
//				read  none|<name>...
//				write none|<name>...
//			}
//			addresses <host:port>...
//		}
//	}
func readPlugin(d *caddyfile.Dispenser, into map[string]*gateway.Plugin) error {
	args := d.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return d.Errf("plugin takes a name and the path of its .wasm file")
	}
	if _, again := into[args[0]]; again {
		return d.Errf("plugin %q is defined twice", args[0])
	}
	plugin := &gateway.Plugin{}
	b := pluginBlock(args[0], plugin)
	if len(args) == 2 {
		plugin.Path = args[1]
		b.seen = map[string]int{"path": d.Line()}
	}
	if err := b.read(d); err != nil {
		return err
	}
	if plugin.Path == "" && plugin.Bundled == "" {
		return d.Errf("plugin %q needs the path of its .wasm file, or bundled <name>", args[0])
	}
	into[args[0]] = plugin
	return nil
}

func pluginBlock(name string, p *gateway.Plugin) *block {
	return &block{
		owner: "plugin " + name,
		words: map[string]reader{
			"path":            text(&p.Path),
			"bundled":         text(&p.Bundled),
			"sha256":          text(&p.SHA256),
			"phase":           text(&p.Phase),
			"priority":        number(&p.Priority),
			"config":          configuration(&p.Config),
			"vm_config":       configuration(&p.VMConfig),
			"root_id":         text(&p.RootID),
			"vm_id":           text(&p.VMID),
			"env":             pairs(&p.Env),
			"failure_policy":  text(&p.FailurePolicy),
			"instances":       number(&p.Instances),
			"limits":          func(d *caddyfile.Dispenser) error { return readLimits(d, p) },
			"circuit_breaker": func(d *caddyfile.Dispenser) error { return readPluginBreaker(d, p) },
			"recycle":         func(d *caddyfile.Dispenser) error { return readRecycle(d, p) },

			"profile":         text(&p.Profile),
			"unknown_imports": text(&p.UnknownImports),
			"trusted":         onOff(&p.Trusted),
			"tick_mode":       text(&p.TickMode),
			"allow":           func(d *caddyfile.Dispenser) error { return readAllow(d, p) },

			"allow_on_headers_stop_iteration": onOff(&p.AllowOnHeadersStopIteration),
			"allow_missing_abi_version":       onOff(&p.AllowMissingABIVersion),
			"skip_own_local_reply":            onOff(&p.SkipOwnLocalReply),
		},
		many: []string{"env"},
	}
}

func readLimits(d *caddyfile.Dispenser, p *gateway.Plugin) error {
	p.Limits = &gateway.PluginLimits{}
	b := block{owner: "limits", words: map[string]reader{
		"memory":               size(&p.Limits.Memory),
		"call_timeout":         duration(&p.Limits.CallTimeout),
		"compile_timeout":      duration(&p.Limits.CompileTimeout),
		"start_timeout":        duration(&p.Limits.StartTimeout),
		"body":                 size(&p.Limits.Body),
		"pause_timeout":        duration(&p.Limits.PauseTimeout),
		"done_timeout":         duration(&p.Limits.DoneTimeout),
		"tick_period":          duration(&p.Limits.TickPeriod),
		"configuration":        intSize(&p.Limits.Configuration),
		"log_rate":             number(&p.Limits.LogRate),
		"log_line":             intSize(&p.Limits.LogLine),
		"metrics":              number(&p.Limits.Metrics),
		"shared_data":          intSize(&p.Limits.SharedData),
		"queue_items":          number(&p.Limits.QueueItems),
		"queue_data":           intSize(&p.Limits.QueueData),
		"calls":                number(&p.Limits.Calls),
		"request_calls":        number(&p.Limits.RequestCalls),
		"request_calls_in_all": number(&p.Limits.RequestCallsInAll),
		"call_body":            intSize(&p.Limits.CallBody),
		"call_bodies":          intSize(&p.Limits.CallBodies),
	}}
	return b.readAlone(d)
}

func readPluginBreaker(d *caddyfile.Dispenser, p *gateway.Plugin) error {
	p.CircuitBreaker = &gateway.PluginBreaker{}
	b := block{owner: "circuit_breaker", words: map[string]reader{
		"disabled":          onOff(&p.CircuitBreaker.Disabled),
		"failure_threshold": number(&p.CircuitBreaker.FailureThreshold),
		"window":            duration(&p.CircuitBreaker.Window),
		"timeout":           duration(&p.CircuitBreaker.Timeout),
		"max_timeout":       duration(&p.CircuitBreaker.MaxTimeout),
	}}
	return b.readAlone(d)
}

func readRecycle(d *caddyfile.Dispenser, p *gateway.Plugin) error {
	p.Recycle = &gateway.PluginRecycle{}
	b := block{owner: "recycle", words: map[string]reader{
		"memory":   size(&p.Recycle.Memory),
		"age":      duration(&p.Recycle.Age),
		"requests": number(&p.Recycle.Requests),
	}}
	return b.readAlone(d)
}

func readAllow(d *caddyfile.Dispenser, p *gateway.Plugin) error {
	p.Allow = &gateway.PluginAllow{}
	b := block{
		owner: "allow",
		words: map[string]reader{
			"functions": list(&p.Allow.Functions), "addresses": list(&p.Allow.Addresses), "upstreams": listOrNone(&p.Allow.Upstreams),
			"headers": func(d *caddyfile.Dispenser) error { return readAllowedHeaders(d, p.Allow) },
		},
		many: []string{"functions", "addresses", "upstreams"},
	}
	return b.readAlone(d)
}

func readAllowedHeaders(d *caddyfile.Dispenser, a *gateway.PluginAllow) error {
	a.Headers = &gateway.PluginHeaders{}
	b := block{
		owner: "headers",
		words: map[string]reader{"read": listOrNone(&a.Headers.Read), "write": listOrNone(&a.Headers.Write)},
		many:  []string{"read", "write"},
	}
	return b.readAlone(d)
}
