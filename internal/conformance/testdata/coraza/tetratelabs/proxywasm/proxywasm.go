// Package proxywasm gives the names of the TinyGo SDK to those of its successor, as far as the firewall uses them.
package proxywasm

import "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

type MetricCounter = proxywasm.MetricCounter

var (
	DefineCounterMetric     = proxywasm.DefineCounterMetric
	GetHttpRequestBody      = proxywasm.GetHttpRequestBody
	GetHttpRequestHeader    = proxywasm.GetHttpRequestHeader
	GetHttpRequestHeaders   = proxywasm.GetHttpRequestHeaders
	GetHttpResponseBody     = proxywasm.GetHttpResponseBody
	GetHttpResponseHeader   = proxywasm.GetHttpResponseHeader
	GetHttpResponseHeaders  = proxywasm.GetHttpResponseHeaders
	GetPluginConfiguration  = proxywasm.GetPluginConfiguration
	GetProperty             = proxywasm.GetProperty
	LogCritical             = proxywasm.LogCritical
	LogCriticalf            = proxywasm.LogCriticalf
	LogDebug                = proxywasm.LogDebug
	LogDebugf               = proxywasm.LogDebugf
	LogError                = proxywasm.LogError
	LogErrorf               = proxywasm.LogErrorf
	LogInfo                 = proxywasm.LogInfo
	LogInfof                = proxywasm.LogInfof
	LogTracef               = proxywasm.LogTracef
	LogWarn                 = proxywasm.LogWarn
	LogWarnf                = proxywasm.LogWarnf
	ReplaceHttpResponseBody = proxywasm.ReplaceHttpResponseBody
	SendHttpResponse        = proxywasm.SendHttpResponse
)
