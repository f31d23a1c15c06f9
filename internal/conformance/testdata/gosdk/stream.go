package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

type stream struct {
	types.DefaultHttpContext
	plugin  *plugin
	id      uint32
	answers int
}

func (s *stream) OnHttpRequestHeaders(_ int, eos bool) types.Action {
	switch s.plugin.example {
	case "http_headers":
		_ = proxywasm.ReplaceHttpRequestHeader("x-a", "replaced")
		pairs, err := proxywasm.GetHttpRequestHeaders()
		proxywasm.LogInfof("%d request headers %v", len(pairs), err)
	case "http_auth_random":
		return s.auth()
	case "http_body", "http_body_chunk", "json_validation":
		_ = proxywasm.RemoveHttpRequestHeader("content-length")
	case "http_routing":
		_ = proxywasm.ReplaceHttpRequestHeader(":authority", "canary.test")
		_ = proxywasm.ReplaceHttpRequestHeader(":path", "/canary")
	case "metrics":
		s.plugin.requests.Increment(1)
		s.plugin.open.Add(2)
		s.plugin.open.Add(-1)
		s.plugin.sizes.Record(100)
		proxywasm.LogInfof("requests %d open %d", s.plugin.requests.Value(), s.plugin.open.Value())
	case "postpone_requests":
		s.plugin.waiting = append(s.plugin.waiting, s.id)
		return types.ActionPause
	case "properties":
		path, err := proxywasm.GetProperty([]string{"request", "path"})
		_, missing := proxywasm.GetProperty([]string{"route_metadata", "filter_metadata", "auth"})
		headers, mapErr := proxywasm.GetPropertyMap([]string{"request", "headers"})
		proxywasm.LogInfof("path %q %v, missing %t, %t %v", path, err, errors.Is(missing, types.ErrorStatusNotFound), len(headers) > 0, mapErr)
	case "shared_data":
		s.count()
	case "shared_queue_sender":
		s.enqueue()
	}
	return types.ActionContinue
}

// auth asks a service, and refuses the request unless it says yes.
func (s *stream) auth() types.Action {
	headers, _ := proxywasm.GetHttpRequestHeaders()
	_, err := proxywasm.DispatchHttpCall(s.plugin.rest, headers, nil, nil, 5000, func(_, size, _ int) {
		if body, err := proxywasm.GetHttpCallResponseBody(0, size); err == nil && string(body) == "yes" {
			_ = proxywasm.ResumeHttpRequest()
			return
		}
		_ = proxywasm.SendHttpResponse(403, [][2]string{{"powered-by", "proxy-wasm-go-sdk"}}, []byte("access forbidden"), -1)
	})
	if err != nil {
		proxywasm.LogCriticalf("asking: %v", err)
		return types.ActionContinue
	}
	return types.ActionPause
}

// count adds one for all instances together.
func (s *stream) count() {
	for {
		value, cas, err := proxywasm.GetSharedData("count")
		if err != nil {
			proxywasm.LogErrorf("the count: %v", err)
			return
		}
		if err = proxywasm.SetSharedData("count", []byte{value[0] + 1}, cas); !errors.Is(err, types.ErrorStatusCasMismatch) {
			return
		}
	}
}

func (s *stream) enqueue() {
	queue, err := proxywasm.ResolveSharedQueue(s.plugin.rest, "events")
	if err == nil {
		err = proxywasm.EnqueueSharedQueue(queue, []byte("an event"))
	}
	if err != nil {
		proxywasm.LogErrorf("the queue: %v", err)
	}
}

func (s *stream) OnHttpRequestBody(size int, eos bool) types.Action {
	switch s.plugin.example {
	case "http_body_chunk": // looks at each chunk and keeps none
		chunk, _ := proxywasm.GetHttpRequestBody(0, size)
		if strings.Contains(string(chunk), "pattern") {
			_ = proxywasm.SendHttpResponse(403, nil, []byte("pattern found"), -1)
			return types.ActionPause
		}
		return types.ActionContinue
	case "http_body", "json_validation":
	default:
		return types.ActionContinue
	}
	if !eos {
		return types.ActionPause
	}
	body, err := proxywasm.GetHttpRequestBody(0, size)
	if s.plugin.example == "json_validation" {
		if err != nil || !json.Valid(body) {
			_ = proxywasm.SendHttpResponse(400, nil, []byte("invalid payload"), -1)
			return types.ActionPause
		}
		return types.ActionContinue
	}
	operation, _ := proxywasm.GetHttpRequestHeader("x-operation")
	change := map[string]func([]byte) error{
		"append": proxywasm.AppendHttpRequestBody, "prepend": proxywasm.PrependHttpRequestBody, "replace": proxywasm.ReplaceHttpRequestBody,
	}[operation]
	if err := change([]byte("[this is " + operation + "]")); err != nil {
		proxywasm.LogErrorf("%s: %v", operation, err)
	}
	return types.ActionContinue
}

func (s *stream) OnHttpResponseHeaders(int, bool) types.Action {
	switch s.plugin.example {
	case "http_headers":
		_ = proxywasm.AddHttpResponseHeader("x-proxy-wasm-go-sdk-example", "http_headers")
		_ = proxywasm.ReplaceHttpResponseHeader("x-backend", s.plugin.rest)
	case "multiple_dispatches":
		return s.dispatch()
	case "shared_data":
		value, _, err := proxywasm.GetSharedData("count")
		if err == nil {
			_ = proxywasm.AddHttpResponseHeader("x-count", string('0'+value[0]))
		}
	case "properties":
		code, err := proxywasm.GetProperty([]string{"response", "code"})
		if err == nil && len(code) == 8 {
			proxywasm.LogInfof("code %d", binary.LittleEndian.Uint64(code))
		}
	}
	return types.ActionContinue
}

// dispatch holds the response until ten calls are back.
func (s *stream) dispatch() types.Action {
	const calls = 10
	for range calls {
		headers := [][2]string{{":method", "GET"}, {":path", "/"}, {":authority", "some.test"}}
		if _, err := proxywasm.DispatchHttpCall(s.plugin.rest, headers, nil, nil, 5000, func(int, int, int) {
			if s.answers++; s.answers == calls {
				_ = proxywasm.AddHttpResponseHeader("total-dispatched", "10")
				_ = proxywasm.ResumeHttpResponse()
			}
		}); err != nil {
			proxywasm.LogErrorf("dispatching: %v", err)
			return types.ActionContinue
		}
	}
	return types.ActionPause
}

func (s *stream) OnHttpStreamDone() { proxywasm.LogInfof("stream done: %s", s.plugin.example) }
