package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/proxytest"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// These run natively, against the SDK's emulated host; plugins/tickqueue_test.go runs the real module in Loom.

func start(t *testing.T, document string) (proxytest.HostEmulator, types.OnPluginStartStatus) {
	t.Helper()
	options := proxytest.NewEmulatorOption().
		WithPluginContext(func(uint32) types.PluginContext { return &plugin{} }).
		WithPluginConfiguration([]byte(document))
	host, reset := proxytest.NewHostEmulator(options)
	t.Cleanup(reset)
	return host, host.StartPlugin()
}

// request makes one request with the path.
func request(host proxytest.HostEmulator, path string) {
	id := host.InitializeHttpContext()
	host.CallOnRequestHeaders(id, [][2]string{{":method", "GET"}, {":path", path}}, true)
	host.CompleteHttpContext(id)
}

// lastCall is the newest call, and how many there were.
func lastCall(t *testing.T, host proxytest.HostEmulator) (proxytest.HttpCalloutAttribute, int) {
	t.Helper()
	calls := host.GetCalloutAttributesFromContext(proxytest.PluginContextID)
	if len(calls) == 0 {
		t.Fatal("there is no call")
	}
	return calls[len(calls)-1], len(calls)
}

func answer(host proxytest.HostEmulator, call proxytest.HttpCalloutAttribute, status string) {
	host.CallOnHttpCallResponse(call.CalloutID, [][2]string{{":status", status}}, nil, nil)
}

func TestBatches(t *testing.T) {
	host, status := start(t, `{"upstream": "collector", "path": "/events", "headers": {"x-key": "k"}, "batch": 2}`)
	if status != types.OnPluginStartStatusOK || host.GetTickPeriod() != 1000 {
		t.Fatal("the configuration was refused:", host.GetErrorLogs())
	}
	for i := range 3 {
		request(host, fmt.Sprintf("/%d?token=secret", i))
	}
	host.Tick()
	call, n := lastCall(t, host)
	if n != 1 || call.Upstream != "collector" || strings.Count(string(call.Body), "\n") != 2 ||
		!strings.Contains(string(call.Body), `"method":"GET","path":"/0","status":0`) {
		t.Errorf("call %d is to %s with %s", n, call.Upstream, call.Body)
	}
	host.Tick()
	if _, n := lastCall(t, host); n != 1 {
		t.Error("another batch is sent before the first has an answer")
	}
	answer(host, call, "202")
	host.Tick()
	if call, n := lastCall(t, host); n != 2 || !strings.Contains(string(call.Body), `"path":"/2"`) {
		t.Errorf("call %d has %s", n, call.Body)
	}
}

func TestFailedBatchIsSentAgain(t *testing.T) {
	host, _ := start(t, `{"upstream": "collector", "retries": 2}`)
	request(host, "/a")
	sent := 0
	for attempt, status := range []string{"503", "429", "500"} {
		for n := sent; n == sent; _, n = lastCall(t, host) {
			host.Tick() // until the pause between attempts is over
		}
		call, n := lastCall(t, host)
		if !strings.Contains(string(call.Body), `"/a"`) {
			t.Errorf("attempt %d has %s", attempt, call.Body)
		}
		sent = n
		answer(host, call, status)
	}
	logs := strings.Join(host.GetWarnLogs(), "\n")
	if !strings.Contains(logs, "attempt 2 with 1 events: the upstream answered 429; they are sent again") ||
		!strings.Contains(logs, "1 events are given up: the upstream answered 500") {
		t.Error("the log is", logs)
	}
	for range longestWait {
		host.Tick()
	}
	if _, n := lastCall(t, host); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
}

func TestBacklogIsBounded(t *testing.T) {
	b := backlog{batch: 2, most: 5, retries: 1}
	for i := range 3 {
		b.add(fmt.Append(nil, i))
	}
	if got := string(b.next()); got != "0\n1\n" {
		t.Errorf("the first batch is %q", got)
	}
	for i := 3; i < 100; i++ {
		b.add(fmt.Append(nil, i))
	}
	if len(b.waiting) != 3 || len(b.sending) != 2 || b.takeDropped() != 95 || b.takeDropped() != 0 {
		t.Errorf("%q wait, %q are sent", b.waiting, b.sending)
	}
	if b.next() != nil {
		t.Error("two batches are under way")
	}
	b.failed("down", true)
	if b.next() != nil {
		t.Error("there is no pause after a failure")
	}
	if got := string(b.next()); got != "0\n1\n" {
		t.Errorf("sent again is %q", got)
	}
	b.failed("down", true)
	if got := string(b.next()); got != "97\n98\n" {
		t.Errorf("after the batch was given up %q is sent", got)
	}
	b.failed("bad request", false)
	if got := string(b.next()); got != "99\n" {
		t.Errorf("after the batch was refused %q is sent", got)
	}
	b.arrived()
	if b.next() != nil {
		t.Error("an empty batch is sent")
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for document, want := range map[string]string{
		``:                                       "an example:",
		`{}`:                                     "upstream is missing",
		`{"upstream": "a", "pth": "/"}`:          `unknown field "pth"`,
		`{"upstream": "a", "path": "x"}`:         `path "x" does not begin with /`,
		`{"upstream": "a", "batch": -1}`:         "batch is -1",
		`{"upstream": "a", "max_pending": 3}`:    "batch is 500 and max_pending 3",
		`{"upstream": "a", "retries": -1}`:       "retries is -1",
		`{"upstream": "a"} {}`:                   "something behind the document",
		`{"upstream": "a", "timeout_ms": "10s"}`: "cannot unmarshal string",
	} {
		t.Run(document, func(t *testing.T) {
			host, status := start(t, document)
			logs := strings.Join(host.GetErrorLogs(), "\n")
			if status != types.OnPluginStartStatusFailed || !strings.Contains(logs, want) {
				t.Errorf("status %v, log %q, want a refusal that says %q", status, logs, want)
			}
		})
	}
}
