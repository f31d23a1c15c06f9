package abi

import (
	"fmt"
	"slices"
	"strings"
)

// Callback names a stream callback that the host may leave out when a guest does not export it.
type Callback uint8

// The stream callbacks, in the order of a request's life.
const (
	OnRequestHeaders Callback = iota
	OnRequestBody
	OnRequestTrailers
	OnResponseHeaders
	OnResponseBody
	OnResponseTrailers
	OnLog

	callbackCount
)

func callbackNames() [callbackCount]string {
	return [...]string{
		"on_request_headers", "on_request_body", "on_request_trailers",
		"on_response_headers", "on_response_body", "on_response_trailers", "on_log",
	}
}

// String is the name that loom.yaml uses: the export's without its prefix.
func (c Callback) String() string { return callbackNames()[c] }

// Export is the name of the guest's function.
func (c Callback) Export() string { return "proxy_" + callbackNames()[c] }

// Stream is the direction that a callback belongs to.
func (c Callback) Stream() StreamType {
	if c <= OnRequestTrailers {
		return StreamHTTPRequest
	}
	return StreamHTTPResponse
}

// Callbacks lists all stream callbacks.
func Callbacks() []Callback {
	all := make([]Callback, callbackCount)
	for i := range all {
		all[i] = Callback(i)
	}
	return all
}

// CallbackSet is a set of stream callbacks. The zero value stands for all of them.
type CallbackSet uint8

// Has reports whether the set permits a callback.
func (s CallbackSet) Has(c Callback) bool { return s == 0 || s&(1<<c) != 0 }

// Phases lists the words that ParsePhase accepts.
func Phases() []string {
	names := callbackNames()
	return names[:]
}

// ParsePhase turns a plugin's `phase` into the set of callbacks that it permits; the empty phase permits all.
func ParsePhase(phase string) (CallbackSet, error) {
	if phase == "" {
		return 0, nil
	}
	i := slices.Index(Phases(), phase)
	if i < 0 {
		return 0, fmt.Errorf("unknown phase %q: write one of %s", phase, strings.Join(Phases(), ", "))
	}
	return 1 << i, nil
}
