package hostile

import (
	"slices"
	"strings"
)

// edits are changes that a plugin has half made when its instance ends.
func edits(callback string) string {
	switch callback {
	case "request_headers", allocator:
		return "set 0 x-keep changed; set 0 x-half 1; set 0 :path /half; "
	case "request_body":
		return "setbuf 0 0 99 half; set 1 x-half 1; "
	case "request_trailers":
		return "set 1 x-half 1; "
	case "response_headers":
		return "set 2 x-half 1; set 2 :status 418; "
	case "response_body":
		return "setbuf 1 0 99 half; set 3 x-half 1; "
	case "response_trailers":
		return "set 3 x-half 1; "
	case "tick", "http_call_response", "queue_ready":
		return "set 0 x-keep changed; set 0 x-half 1; "
	}
	return ""
}

// scriptOf makes the probe do it in a callback, for requests that have x-attack.
func scriptOf(a attack, callback string) string {
	if a.script != "" {
		return a.script
	}
	do := a.do
	if a.outcome == ends {
		do = edits(callback) + do
	}
	const guard = "if 0 x-attack; "
	then := "effective $stream; " + do + "; effective $stream; continue 0"
	switch callback {
	case "vm_start", "configure":
		return callback + ": " + do
	case "tick":
		return lines("request_headers: "+guard+"tick 10; return 1", "tick: tick 0; "+then)
	case "http_call_response":
		return lines("request_headers: "+guard+"quiet 1; http backend :method=GET,:path=/call,:authority=backend; quiet 0; return 1",
			"http_call_response: "+then)
	case "queue_ready":
		return lines("request_headers: "+guard+"queue q; enqueue $id x; return 1", "queue_ready: "+then)
	case allocator:
		return "request_headers: " + guard + do
	}
	if a.outcome == held { // each time, and in the trailers' callback, which would let go of the body
		side, _, _ := strings.Cut(callback, "_")
		return lines(callback+": "+guard+do, side+"_trailers: "+guard+do)
	}
	return callback + "#1: " + guard + do
}

func lines(list ...string) string { return strings.Join(list, "\n") }

// answersAtOnce reports whether nothing of the response can have gone when the callback runs.
func answersAtOnce(callback string) bool {
	return !slices.Contains([]string{"response_body", "response_trailers", "log", "done"}, callback)
}
