package proxywasm

import (
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Host is what a plugin may ask of the gateway outside of any one request.
// A nil field switches the capability off: its hostcalls answer the status that says so.
type Host struct {
	Log     Logger
	Shared  SharedData
	Queues  Queues
	Metrics Metrics
	HTTP    HTTPCaller
	GRPC    GRPCCaller
	Redis   RedisCaller
	Foreign Foreign
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
}

// Logger receives what guests log, and what the host has to say about a guest.
// It must be safe for concurrent use and must not keep msg.
type Logger interface {
	// Enabled says whether a message of this level would be written; proxy_get_log_level is derived from it.
	Enabled(level abi.LogLevel) bool
	Log(level abi.LogLevel, msg string, at LogOrigin)
	// Refused reports a hostcall that failed. It is called now and then, not for each failure.
	Refused(r Refusal)
}

// LogOrigin is where in the guest a message comes from.
type LogOrigin struct {
	// Root is the id of the plugin context, 0 while the instance starts. Context is the one whose callback runs: the
	// same as Root outside of streams.
	Root, Context uint32
	// RequestID is the property request.id of the stream; empty without one.
	RequestID string
}

// SharedData is the key-value store of one vm_id (ABI: proxy_get_shared_data, proxy_set_shared_data).
// It outlives instances, so that all instances of a plugin count together.
type SharedData interface {
	// Get returns the value and its CAS number (never 0), or ok = false. The caller must not change value.
	Get(key string) (value []byte, cas uint32, ok bool)
	// Set stores a copy of value. cas 0 stores unconditionally; otherwise the key's current CAS must match.
	Set(key string, value []byte, cas uint32) abi.Status
	// Swap stores a copy of value only if cas is the key's, which is 0 where there is none. A nil value deletes the key.
	Swap(key string, value []byte, cas uint32) abi.Status
}

// Queues are the shared queues; names are scoped by vm_id (ABI: proxy_register_shared_queue …).
type Queues interface {
	// Register returns the token of (the own vm_id, name). l is told of new items from now on; those that registered
	// before are told while l cannot be. ok is false when there are too many queues.
	Register(name string, l QueueListener) (token uint32, ok bool)
	// Remind tells l, which is able to hear it now, of items that nobody could be told of.
	Remind(l QueueListener)
	// Leave takes l off all queues.
	Leave(l QueueListener)
	Resolve(vmID, name string) (token uint32, ok bool)
	Enqueue(token uint32, value []byte) abi.Status
	Dequeue(token uint32) ([]byte, abi.Status)
}

// QueueListener is told of new items, once for each, on another goroutine. It is compared with ==.
type QueueListener interface {
	// QueueReady reports whether the guest was told: not when it is dead, or not started yet.
	QueueReady(token uint32) bool
}

// Metrics are the metrics that guests define. Ids are shared by all instances of a plugin; 0 stands for all that are counted
// nowhere, since there are too many.
type Metrics interface {
	Define(kind abi.MetricType, name string) (id uint32, status abi.Status)
	Increment(id uint32, delta int64) abi.Status
	Record(id uint32, value uint64) abi.Status
	Get(id uint32) (value uint64, status abi.Status)
}

// HeaderMap is one header map as a guest sees it: an ordered list of pairs, names in lower case,
// pseudo headers first. Arguments of type []byte are views of guest memory: copy what is kept.
type HeaderMap interface {
	// Len is the number of pairs.
	Len() int
	// AppendPairs appends all pairs to dst.
	AppendPairs(dst []abi.Pair) []abi.Pair
	// Get returns the first value of name, which may be in any case.
	Get(name []byte) (value string, ok bool)
	// Add appends another pair. What a map cannot take is left out, and refused says why; so in the other methods.
	Add(name, value []byte) (refused string)
	// Set removes all pairs of the name and adds one.
	Set(name, value []byte) (refused string)
	// Remove removes all pairs of the name.
	Remove(name []byte) (refused string)
	// Replace replaces the whole map; pseudo headers that pairs does not name stay as they are.
	Replace(pairs []abi.Pair) (refused string)
}

// Exchange is one HTTP request and its response as the embedder holds them. The engine calls it only
// while guest code of that stream runs, under the instance's lock, so it needs no lock of its own
// against other callbacks of the same plugin.
type Exchange interface {
	// Enter opens what a callback may touch (OnLog: everything, to read). It stays open while the stream is paused.
	Enter(c abi.Callback)
	// Leave closes what a direction had open.
	Leave(dir abi.StreamType)
	// Headers returns a header map (types 0 to 3), or nil when it does not exist in the current phase.
	// writable is false when changes could no longer have an effect.
	Headers(t abi.MapType) (m HeaderMap, writable bool)
	// Body returns the request or response body buffer, or nil outside of its phase.
	Body(t abi.BufferType) *Body
	// Property answers proxy_get_property for paths that belong to the request. value is the serialized
	// form (see abi.AppendInt64 and its neighbours); it may be appended to dst.
	Property(path abi.PropertyPath, dst []byte) (value []byte, status abi.Status)
	// SetProperty answers proxy_set_property. Both arguments are views of guest memory.
	SetProperty(path abi.PropertyPath, value []byte) abi.Status
}

// Foreign answers the foreign functions that only the embedder has (ABI: proxy_call_foreign_function).
type Foreign interface {
	// Call runs a function. An unknown name is StatusNotFound.
	Call(c ForeignCall) (result []byte, status abi.Status)
}

// ForeignCall is a call of a foreign function.
type ForeignCall struct {
	Name string
	Args []byte
	// Answer hands a result to the plugin's proxy_on_foreign_function, with an id that the function chooses. It may be
	// called at any time, on any goroutine and any number of times; after the end of the plugin it does nothing.
	Answer func(id uint32, result []byte)
}

// LocalReply is an answer that a guest gives instead of the upstream (ABI: proxy_send_local_response).
type LocalReply struct {
	Status     int
	Details    string // for logs and response.code_details
	Headers    []abi.Pair
	Body       []byte
	GRPCStatus int32 // -1: none
}
