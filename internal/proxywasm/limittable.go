package proxywasm

import (
	"fmt"
	"strconv"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Limit is one of the limits whose effects are counted.
type Limit uint8

// The limits that are counted. The others refuse a config, or change nothing that anybody would miss.
const (
	LimitMemory Limit = iota
	LimitCallTimeout
	LimitDoneTimeout
	LimitPauseTimeout
	LimitTickPeriod
	LimitBody
	LimitInjected
	LimitLogRate
	LimitLogLine
	LimitMetrics
	LimitSharedData
	LimitQueues
	LimitCalls
	LimitCallBody
	LimitRandom
	LimitProperties

	limitCount = 16
)

// String is the label of the metric, and the setting where there is one.
func (l Limit) String() string {
	return [limitCount]string{
		"memory", "call_timeout", "done_timeout", "pause_timeout", "tick_period", "body", "injected", "log_rate", "log_line", "metrics",
		"shared_data", "queues", "calls", "call_body", "random", "properties",
	}[l]
}

// CountedLimits lists the limits that are counted.
func CountedLimits() []Limit {
	list := make([]Limit, limitCount)
	for i := range list {
		list[i] = Limit(i)
	}
	return list
}

// LimitInfo is what there is to say about one limit.
type LimitInfo struct {
	// What is bounded.
	What string
	// Settings are the fields of `limits` in the configuration; none when it is the same for all plugins.
	Settings []string
	// Default, Hit (what happens when it takes effect) and Why (it is what it is).
	Default, Hit, Why string
	// Counted is the label of loom_plugin_limit_hits_total; empty when it is not counted.
	Counted string
}

// LimitTable lists every limit of a plugin.
func LimitTable() []LimitInfo {
	d := DefaultLimits()
	return append(append(timeLimits(d), sizeLimits(d)...), callLimits(d)...)
}

func timeLimits(d Limits) []LimitInfo {
	return []LimitInfo{
		{
			"time of one callback",
			[]string{"call_timeout"},
			text(d.CallTimeout), "the instance is stopped, as if it had crashed",
			"a hundred thousand times a healthy callback, and clients of a looping plugin still get their answer", LimitCallTimeout.String(),
		},
		{
			"time to start and configure an instance",
			[]string{"start_timeout"},
			text(d.StartTimeout), "the config is refused, or the instance not replaced yet",
			"plugins compile rule sets there", "",
		},
		{
			"time to compile the module",
			[]string{"compile_timeout"},
			text(d.CompileTimeout), "the config is refused; the compilation goes on by itself, at most half as many as there are processors (and at least one)",
			"the largest known plugin (24 MB) takes 8s on a busy core, and machines differ", "",
		},
		{
			"time after `on_done` = 0",
			[]string{"done_timeout"},
			text(d.DoneTimeout), "the context ends as if the plugin had said `proxy_done`",
			"as long as a process that exits waits", LimitDoneTimeout.String(),
		},
		{
			"time that a stream is held with nothing more to come",
			[]string{"pause_timeout"},
			text(DefaultPauseTimeout), "504",
			"longer than any call of a plugin should take, and clients rarely wait for more", LimitPauseTimeout.String(),
		},
		{
			"shortest period of ticks",
			[]string{"tick_period"},
			text(d.TickPeriod), "ticks come at this period",
			"a plugin that asks for 1ms on every instance does not become the machine's main load", LimitTickPeriod.String(),
		},
		{"sleep in `poll_oneoff`", nil, text(maxPollSleep), "it returns early", "an instance that sleeps serves nobody", ""},
	}
}

func sizeLimits(d Limits) []LimitInfo {
	return append([]LimitInfo{
		{
			"memory of one instance",
			[]string{"memory"},
			bytesText(int(d.MemoryPages) << 16), "`memory.grow` answers -1; a guest that cannot go on crashes. Counted when an instance has reached it",
			"Go guests start at 4 MiB, and a bomb in every instance of a small pool still fits a small machine", LimitMemory.String(),
		},
		{
			"tables of one instance", nil, "an eighth of `memory`", "the module is refused for what its tables could [grow to](plugin-host.md#the-shape-of-a-module)",
			"tables stand outside of the linear memory", "",
		},
		{"stack of one instance", nil, "the engine's: it doubles from 10 KiB until it has 50 MB", "the instance crashes", "wazero has no setting for it", ""},
		{
			"module", nil, bytesText(d.ModuleBytes) + ", and its [shape](plugin-host.md#the-shape-of-a-module)", "the config is refused",
			"the largest known plugins have 25 MB; a few KB of another shape keep a compiler busy for minutes", "",
		},
		{
			"configuration, of the VM and of each context",
			[]string{"configuration"},
			bytesText(d.ConfigBytes), "the config is refused",
			"each instance gets a copy of its own in its memory", "",
		},
		{
			"what is buffered of one body",
			[]string{"body"},
			bytesText(DefaultBodyLimit) + "; plugins that ask, as Higress' do, may raise it to " + bytesText(MaxBodyLimit), "413 for a request, 500 for a response",
			"Envoy's default, known to plugin authors", LimitBody.String(),
		},
		{"bytes injected into a response that the client has not taken", nil, bytesText(maxInjected), "INTERNAL_FAILURE", "a client may be slow, or gone", LimitInjected.String()},
		{
			"a serialized map that a guest hands in", nil, fmt.Sprintf("%d pairs, %s", abi.MaxPairs, bytesText(abi.MaxPairsBytes)), "read as an empty map; a call with it is BAD_ARGUMENT",
			"Envoy's", "",
		},
		{"bytes of one `random_get`", nil, bytesText(maxRandomBytes), "EINVAL", "Envoy has 64 KiB; there is no harm in some more", LimitRandom.String()},
		{"bytes copied by one hostcall", nil, bytesText(maxCopy), "INVALID_MEMORY_ACCESS", "a bad length must not make the host allocate it; memory bounds it as well", ""},
		{"properties and declarations of one plugin context", nil, strconv.Itoa(maxPluginProperties), "not kept", "no plugin has a hundred", LimitProperties.String()},
	}, storeLimits(d)...)
}

func storeLimits(d Limits) []LimitInfo {
	return []LimitInfo{
		{
			"log lines a second, of all instances",
			[]string{"log_rate"},
			fmt.Sprintf("%d, five times as many at once", d.LogRate), "lines are dropped; a warning says how many",
			"far more than a plugin that is well writes, and far less than what fills a disk in a night", LimitLogRate.String(),
		},
		{
			"one log line",
			[]string{"log_line"},
			bytesText(d.LogBytes), "cut, and the rest counted in words; control characters are made visible whatever its length",
			"a stack trace fits", LimitLogLine.String(),
		},
		{
			"metrics",
			[]string{"metrics"},
			fmt.Sprintf("%d, with names of %d bytes", d.Metrics, maxMetricName), "accepted, and counted nowhere",
			"a plugin that defines one for each request must not fill the memory; Rust's SDK panics on a refusal", LimitMetrics.String(),
		},
		{
			"shared data of a `vm_id`",
			[]string{"shared_data"},
			bytesText(d.SharedBytes) + ", and 64 bytes for each key", "the write answers INTERNAL_FAILURE",
			"as much as an instance; dropping old values in silence would break leases", LimitSharedData.String(),
		},
		{
			"queues of a `vm_id`",
			[]string{"queue_items", "queue_data"},
			fmt.Sprintf("1000 queues of %d items, %s in all", d.QueueItems, bytesText(d.QueueBytes)), "the item is not taken, which answers NOT_FOUND",
			"nobody reads what is behind", LimitQueues.String(),
		},
	}
}

func callLimits(d Limits) []LimitInfo {
	return []LimitInfo{
		{
			"calls under way, of an instance and of a request",
			[]string{"calls", "request_calls"},
			fmt.Sprintf("%d, %d", d.Calls, d.StreamCalls), "INTERNAL_FAILURE",
			"no known plugin asks a hundred servers about one request", LimitCalls.String(),
		},
		{
			"calls of one request in all, those made from answers among them",
			[]string{"request_calls_in_all"},
			strconv.Itoa(d.StreamCallsInAll), "INTERNAL_FAILURE",
			"a plugin that calls from each answer would go on for ever", LimitCalls.String(),
		},
		{
			"what calls send, one and all under way of an instance",
			[]string{"call_body", "call_bodies"},
			bytesText(d.CallBytes) + ", " + bytesText(d.CallsBytes), "INTERNAL_FAILURE",
			"it is a copy outside of the guest's memory", LimitCallBody.String(),
		},
		{"the answer to a call, a gRPC message, a reply of Redis", nil, bytesText(MaxAnswer), "the call has failed", "gRPC's own libraries have it as well", ""},
		{"time of one call", nil, text(MaxCallTime), "the call has failed", "a plugin that sets no timeout must not pile up calls", ""},
	}
}

func text(d time.Duration) string {
	if d >= time.Minute {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

// bytesText writes a number of bytes as configurations may.
func bytesText(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
