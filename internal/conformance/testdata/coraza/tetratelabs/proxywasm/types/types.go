// Package types gives the names of the TinyGo SDK to those of its successor, as far as the firewall uses them.
package types

import "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"

type (
	Action               = types.Action
	DefaultHttpContext   = types.DefaultHttpContext
	DefaultPluginContext = types.DefaultPluginContext
	DefaultVMContext     = types.DefaultVMContext
	HttpContext          = types.HttpContext
	OnPluginStartStatus  = types.OnPluginStartStatus
	PluginContext        = types.PluginContext
	VMContext            = types.VMContext
)

const (
	ActionContinue            = types.ActionContinue
	ActionPause               = types.ActionPause
	OnPluginStartStatusFailed = types.OnPluginStartStatusFailed
	OnPluginStartStatusOK     = types.OnPluginStartStatusOK
)

var ErrorStatusNotFound = types.ErrorStatusNotFound
