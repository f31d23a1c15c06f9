// Package proxywasm is a host of the Proxy-Wasm ABI on wazero.
//
// It runs guests built for ABI 0.1.0, 0.2.0 and 0.2.1 and knows neither HTTP libraries nor Caddy: an embedder
// hands in a [Host] (what a plugin may ask of the gateway) and an [Exchange] for each stream.
//
//	Module         one compiled plugin: its own wazero runtime, `env` linked from its import section
//	└ Instance     one VM with its memory; one lock, held only while guest code runs
//	  └ PluginContext   one configuration (the specification's plugin context, Envoy's root context)
//	    └ Stream        one HTTP exchange (the specification's stream context)
//
// The files follow the contents page of the specification. Two doors: every callback goes through
// Instance.call (callback.go), every hostcall through hostcall.adapt (hostcalls.go).
package proxywasm
