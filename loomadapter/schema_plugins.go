package loomadapter

import "go.yaml.in/yaml/v3"

// Plugin is a Proxy-Wasm plugin.
type Plugin struct {
	Pos                         Pos               `yaml:"-"`
	Name                        string            `yaml:"name" doc:"Name of the plugin; unique. Required."`
	Path                        string            `yaml:"path" doc:"The .wasm file, relative to the document's folder. Default: the bundled plugin of this name."`
	SHA256                      string            `yaml:"sha256" doc:"Hex digest that the file must have. Default: the digest that it has when the document is read."`
	Phase                       string            `yaml:"phase" enum:"on_request_headers,on_request_body,on_request_trailers,on_response_headers,on_response_body,on_response_trailers,on_log" doc:"Limits the plugin to one callback. Default: all that it exports."`
	Priority                    int               `yaml:"priority" doc:"Higher runs first on the way in, last on the way out. Default: 0."`
	Config                      *yaml.Node        `yaml:"config" doc:"Plugin configuration: a text as it is, a mapping as compact JSON."`
	VMConfig                    *yaml.Node        `yaml:"vm_config" doc:"VM configuration, written as config is."`
	RootID                      string            `yaml:"root_id" doc:"plugin_root_id, for modules with several roots."`
	VMID                        string            `yaml:"vm_id" doc:"Scope of shared data and queues. Default: the plugin's name."`
	Env                         map[string]string `yaml:"env" doc:"Environment variables that the plugin sees."`
	FailurePolicy               string            `yaml:"failure_policy" enum:"reload,closed,open" doc:"What requests get when the plugin fails: reload and closed answer 503, open skips the plugin; a failed instance is replaced, but with closed and the profile envoy. Default: reload."`
	Instances                   int               `yaml:"instances" doc:"Instances side by side. Default: one per processor."`
	Limits                      *Limits           `yaml:"limits" doc:"What the plugin may use."`
	CircuitBreaker              *PluginBreaker    `yaml:"circuit_breaker" doc:"Leaves a plugin alone whose instances fail as fast as they are replaced."`
	Recycle                     *Recycle          `yaml:"recycle" doc:"When an instance is replaced that has not failed."`
	AllowOnHeadersStopIteration bool              `yaml:"allow_on_headers_stop_iteration" doc:"Delivers body callbacks while a header callback has paused the request. Default: false."`
	Profile                     string            `yaml:"profile" enum:"envoy,kong,apisix,higress,google" doc:"Host whose quirks the plugin was built for. Default: as Envoy, and forgiving where Envoy refuses."`
	AllowMissingABIVersion      bool              `yaml:"allow_missing_abi_version" doc:"Takes a module without a mark of its ABI version for one of 0.2.1. Default: false; true with profile apisix."`
	UnknownImports              string            `yaml:"unknown_imports" enum:"fail,stub" doc:"What becomes of a module that imports hostcalls which no host has: refused, or answered with UNIMPLEMENTED. Default: fail."`
	SkipOwnLocalReply           bool              `yaml:"skip_own_local_reply" doc:"Leaves out the plugin's response callbacks for its own answers. Default: false; true with profile google."`
	Trusted                     bool              `yaml:"trusted" doc:"Leaves out call_timeout and start_timeout, and what they cost: an endless loop in the plugin is not stopped. Default: false."`
	TickMode                    string            `yaml:"tick_mode" enum:"all,leader" doc:"Whose timers run: of all instances, or of one. Default: all."`
	Allow                       *Allow            `yaml:"allow" doc:"What the plugin may do."`
}

// Allow narrows or widens what a plugin may do.
type Allow struct {
	Pos       Pos             `yaml:"-"`
	Functions StringList      `yaml:"functions" doc:"Hostcalls, WASI functions and callbacks that the plugin may use, by the ABI's names. Default: all."`
	Upstreams StringList      `yaml:"upstreams" doc:"Upstreams that the plugin may call; an empty list is none. Default: all."`
	Headers   *AllowedHeaders `yaml:"headers" doc:"Headers that the plugin may read and change."`
	Addresses StringList      `yaml:"addresses" doc:"host:port that the plugin may call besides the upstreams. Default: none."`
}

// AllowedHeaders are names of headers; one that ends in * stands for all that begin so.
type AllowedHeaders struct {
	Pos   Pos        `yaml:"-"`
	Read  StringList `yaml:"read" doc:"What the plugin sees, such as x-user or x-*; an empty list is nothing. Default: all."`
	Write StringList `yaml:"write" doc:"What it may add, change and remove; an empty list is nothing. Default: all."`
}

// Limits bound a plugin.
type Limits struct {
	Pos               Pos      `yaml:"-"`
	Memory            Size     `yaml:"memory" doc:"Most memory of one instance, such as 64MiB. Default: 64MiB."`
	CallTimeout       Duration `yaml:"call_timeout" doc:"Longest time of one callback. Default: 1s."`
	CompileTimeout    Duration `yaml:"compile_timeout" doc:"Longest time to compile the module. Default: 1m."`
	StartTimeout      Duration `yaml:"start_timeout" doc:"Longest time to start and configure an instance. Default: 10s."`
	Body              Size     `yaml:"body" doc:"Most that is buffered of one body. Default: 1MiB."`
	PauseTimeout      Duration `yaml:"pause_timeout" doc:"Longest time that the plugin may hold a request. Default: 30s."`
	DoneTimeout       Duration `yaml:"done_timeout" doc:"Longest time after on_done answered 0, until proxy_done. Default: 10s."`
	TickPeriod        Duration `yaml:"tick_period" doc:"Shortest period of ticks. Default: 10ms."`
	Configuration     Size     `yaml:"configuration" doc:"Largest configuration, and VM configuration. Default: 16MiB."`
	LogRate           int      `yaml:"log_rate" doc:"Lines a second that all instances may log. Default: 1000."`
	LogLine           Size     `yaml:"log_line" doc:"What is kept of one log line. Default: 16KiB."`
	Metrics           int      `yaml:"metrics" doc:"Metrics that the plugin may define. Default: 1000."`
	SharedData        Size     `yaml:"shared_data" doc:"What the shared data of its vm_id may take. Default: 64MiB."`
	QueueItems        int      `yaml:"queue_items" doc:"Items of one queue. Default: 100000."`
	QueueData         Size     `yaml:"queue_data" doc:"What all queues of its vm_id may take. Default: 64MiB."`
	Calls             int      `yaml:"calls" doc:"Calls under way of one instance. Default: 1000."`
	RequestCalls      int      `yaml:"request_calls" doc:"Calls under way for one request. Default: 100."`
	RequestCallsInAll int      `yaml:"request_calls_in_all" doc:"Calls for one request, one after the other. Default: 1000."`
	CallBody          Size     `yaml:"call_body" doc:"What one call may send. Default: 4MiB."`
	CallBodies        Size     `yaml:"call_bodies" doc:"What all calls under way of one instance may send. Default: 64MiB."`
}

// PluginBreaker leaves a plugin alone that keeps failing.
type PluginBreaker struct {
	Pos              Pos      `yaml:"-"`
	Disabled         bool     `yaml:"disabled" doc:"Lets requests into the plugin whatever happens. Default: false."`
	FailureThreshold int      `yaml:"failure_threshold" doc:"Failures of instances within window that open the breaker. Default: one more than instances, at least 5."`
	Window           Duration `yaml:"window" doc:"Time in which failures count. Default: 30s."`
	Timeout          Duration `yaml:"timeout" doc:"How long it stays open before one request is tried; doubles with each time that it opens again. Default: 1s."`
	MaxTimeout       Duration `yaml:"max_timeout" doc:"Longest time that it stays open. Default: 30s."`
}

// Recycle says when an instance is replaced that has not failed.
type Recycle struct {
	Pos      Pos      `yaml:"-"`
	Memory   Size     `yaml:"memory" doc:"Memory to which an instance may grow, such as 48MiB. Default: three quarters of limits.memory."`
	Age      Duration `yaml:"age" doc:"Age of an instance, less up to a quarter by chance. Default: never."`
	Requests int      `yaml:"requests" doc:"Requests that an instance serves, less up to a quarter by chance. Default: never."`
}
