// Package plugin turns the bytes of a Proxy-Wasm module into running instances, and keeps them running.
package plugin

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Policy is what requests get when a plugin fails.
type Policy string

// The policies. A failed instance costs the streams on it; the other instances go on.
const (
	// PolicyReload answers 503 and replaces the instance, with back-off. The default.
	PolicyReload Policy = "reload"
	// PolicyClosed answers 503 and replaces the instance as well; only with ProfileEnvoy it does not, as Envoy does not,
	// until the plugin is loaded again.
	PolicyClosed Policy = "closed"
	// PolicyOpen skips the plugin and replaces the instance, with back-off.
	PolicyOpen Policy = "open"
)

// Policies lists the words of failure_policy.
func Policies() []string {
	return []string{string(PolicyReload), string(PolicyClosed), string(PolicyOpen)}
}

// Spec is everything about a plugin that cannot change while it runs.
type Spec struct {
	// Name of the plugin, for logs and properties.
	Name string
	// Code is the module; SHA256, if set, is the hex digest that it must have.
	Code   []byte `json:"-"`
	SHA256 string
	// VMID scopes shared data and queues. Default: the name.
	VMID string
	// VMConfig and Config are handed to on_vm_start and on_configure, RootID is plugin_root_id.
	VMConfig, RootID, Config string
	// Env is the environment that the guest sees.
	Env map[string]string
	// Properties are those that are the same in every context, by path and in their wire form.
	Properties map[string][]byte
	// Phase limits the callbacks, see abi.ParsePhase.
	Phase string
	// FailurePolicy: default PolicyReload.
	FailurePolicy Policy
	// Instances: default GOMAXPROCS.
	Instances int
	// Limits of an instance.
	Limits proxywasm.Limits
	// Recycle replaces instances that have not failed.
	Recycle Recycle
	// Breaker leaves a plugin alone that keeps failing.
	Breaker Breaker
	// BodyLimit in bytes: default proxywasm.DefaultBodyLimit.
	BodyLimit int64
	// PauseTimeout: default proxywasm.DefaultPauseTimeout.
	PauseTimeout time.Duration
	// AllowOnHeadersStopIteration, Profile, AllowMissingABIVersion and StubUnknownImports, see proxywasm.Options.
	AllowOnHeadersStopIteration bool
	Profile                     proxywasm.Profile
	AllowMissingABIVersion      bool
	StubUnknownImports          bool
	// SkipOwnLocalReply leaves out the response callbacks for an answer that the plugin itself gave.
	SkipOwnLocalReply bool
	// TickMode says which instances' timers run: default TickAll.
	TickMode TickMode
	// Trusted leaves out the time limits of guest code and what they cost.
	Trusted bool
	// Allow narrows or widens what the plugin may do.
	Allow Allow
}

// TickMode says which instances' timers run.
type TickMode string

// The tick modes.
const (
	// TickAll runs the timers of every instance, as in Envoy's workers. The default.
	TickAll TickMode = "all"
	// TickLeader runs those of one living instance.
	TickLeader TickMode = "leader"
)

// TickModes lists the words of tick_mode.
func TickModes() []string { return []string{string(TickAll), string(TickLeader)} }

// Allow narrows or widens what a plugin may do.
type Allow struct {
	// Functions that the plugin may use, see proxywasm.Options. Empty: all.
	Functions []string
	// Upstreams that the plugin may call, by name. Nil: all.
	Upstreams []string
	// Headers that the plugin may read and change. Default: all.
	Headers proxywasm.HeaderAccess
	// Addresses (host:port) that the plugin may call without an upstream of that name. Empty: none.
	Addresses []string
}

// orDefaults fills in what was left out and checks the rest.
func (s Spec) orDefaults() (Spec, error) {
	if s.VMID == "" {
		s.VMID = s.Name
	}
	if s.FailurePolicy == "" {
		s.FailurePolicy = PolicyReload
	}
	if s.Instances == 0 {
		s.Instances = runtime.GOMAXPROCS(0)
	}
	if s.TickMode == "" {
		s.TickMode = TickAll
	}
	if s.BodyLimit == 0 {
		s.BodyLimit = proxywasm.DefaultBodyLimit
	}
	if s.PauseTimeout == 0 {
		s.PauseTimeout = proxywasm.DefaultPauseTimeout
	}
	s.Breaker = s.Breaker.orDefaults(s.Instances)
	if s.Recycle.Memory == 0 {
		s.Recycle.Memory = s.memoryLimit() / 4 * 3
	}
	s.Limits = s.Limits.OrDefaults()
	if err := s.checkConfigSize("vm_config", s.VMConfig); err != nil {
		return s, err
	}
	if err := s.checkConfigSize("config", s.Config); err != nil {
		return s, err
	}
	if digest := s.digest(); s.SHA256 != "" && s.SHA256 != digest {
		return s, fmt.Errorf("the module has sha256 %s, the configuration asks for %s: adapt the configuration again, or restore the file", digest, s.SHA256)
	}
	s.SHA256 = s.digest()
	_, err := abi.ParsePhase(s.Phase)
	return s, err
}

// checkConfigSize refuses a configuration that is too large to be copied into each instance.
func (s Spec) checkConfigSize(setting, config string) error {
	if len(config) > s.Limits.OrDefaults().ConfigBytes {
		return fmt.Errorf("%s has %d bytes, more than the %d of limits.configuration: raise it, or have the plugin call for what it needs",
			setting, len(config), s.Limits.OrDefaults().ConfigBytes)
	}
	return nil
}

// callTimeout is the longest that guest code may run in one callback.
func (s Spec) callTimeout() time.Duration {
	return cmp.Or(s.Limits.CallTimeout, proxywasm.DefaultLimits().CallTimeout)
}

// memoryLimit is the most linear memory of one instance, in bytes.
func (s Spec) memoryLimit() int64 {
	pages := s.Limits.MemoryPages
	if pages == 0 {
		pages = proxywasm.DefaultLimits().MemoryPages
	}
	return int64(pages) * pageSize
}

func (s Spec) digest() string {
	sum := sha256.Sum256(s.Code)
	return hex.EncodeToString(sum[:])
}

// Key identifies the running plugin: its name, the content of its module and every setting. Two configs with the same
// key share the running instances.
func (s Spec) Key() string {
	s.SHA256 = s.digest()
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, numbers and a map of strings
	}
	sum := sha256.Sum256(text)
	return "loom.plugin:" + s.Name + ":" + hex.EncodeToString(sum[:])
}
