package hostile

import (
	"slices"
	"time"
)

// behaviour is something that a hostile plugin does, in one or more ways.
type behaviour struct {
	// id is the number under which it is known; it never changes.
	id int
	// group is the part of the table, name what the plugin does.
	group, name string
	// promise is what the gateway makes of it, for the table.
	promise string
	attacks []attack
}

// attack is one way to do it.
type attack struct {
	name string
	// do are commands of the probe (plugins/probe, plugins/probe-hostile), which run in each of the callbacks.
	do string
	in []string
	// script is the whole script instead, for one place that `in` names.
	script string
	// module is the plugin. Default: probe-hostile.
	module func(*kit) []byte
	// settings are more of the plugin's JSON.
	settings object
	outcome  outcome
	// says is a part of the error of a config that is refused, or of an instance that has ended.
	says string
	// path is where the request goes on the case's route; size is that of its body.
	path string
	size int64
	// pad is how many bytes the configuration has behind the script.
	pad int
	// before runs ahead of the attack; check looks at what came of it.
	before func(*kit, *trial)
	check  func(*kit, *trial) error
	// slow leaves the attack to `make hostile`; once tries it under one policy, as it goes on all the time and would be its own neighbour.
	slow, once bool
}

// outcome is what must become of an attack.
type outcome int

const (
	// harmless goes on as if nothing had been tried: the request passes untouched and the instance lives.
	harmless outcome = iota
	// ends costs the instance: requests get the policy's answer.
	ends
	// refused is a config that does not load.
	refused
	// held is a plugin that keeps a request: 504.
	held
	// bounded is an answer of the plugin's own choice or of a limit, which check judges; the instance lives.
	bounded
)

func (o outcome) String() string {
	return [...]string{"harmless", "the instance is replaced", "the config is refused", "504", "bounded"}[o]
}

// The places in which a plugin's code runs.
const (
	atLoad    = "load" // the module's bytes, or its start
	allocator = "allocator"
)

func loadCallbacks() []string { return []string{"vm_start", "configure"} }

func streamCallbacks() []string {
	return []string{
		"request_headers", "request_body", "request_trailers", "response_headers", "response_body", "response_trailers", "log", "done",
	}
}

func rootCallbacks() []string { return []string{"tick", "http_call_response", "queue_ready"} }

// everywhere is every callback; the requests' first, of which the quick run takes one.
func everywhere() []string { return slices.Concat(streamCallbacks(), rootCallbacks(), loadCallbacks()) }

// onStreams is every callback that has a request at hand.
func onStreams() []string { return slices.Concat(streamCallbacks(), rootCallbacks()) }

func without(callbacks []string, name string) []string {
	return slices.DeleteFunc(callbacks, func(c string) bool { return c == name })
}

// The limits that the cases run with: short, so that hundreds of them do not take hours.
const (
	callTimeout  = 300 * time.Millisecond
	startTimeout = time.Second
	pauseTimeout = 500 * time.Millisecond
	memoryLimit  = 16 << 20
	// grace is what an answer may take beyond its limit, on a machine that has other things to do.
	grace = 3 * time.Second
	// patience is how long anything is waited for that must come.
	patience = 60 * time.Second
)

func policies() []string { return []string{"closed", "open", "reload"} }
