// Command tick-queue is a Proxy-Wasm plugin that ships an event of every request to an upstream: streams put them into a
// shared queue, and a timer sends what has gathered in batches.
package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// main is never called: the gateway runs the init functions and then the callbacks.
func main() {}

func init() {
	proxywasm.SetPluginContext(func(uint32) types.PluginContext { return &plugin{} })
}

// plugin is one configuration in one instance. Every instance has a timer and a backlog; of the queue, which all instances
// share, the last one to register is told when something was put into it.
type plugin struct {
	types.DefaultPluginContext
	config  config
	queue   uint32
	backlog backlog
}

// OnPluginStart reads the configuration and refuses one that it does not understand.
func (p *plugin) OnPluginStart(int) types.OnPluginStartStatus {
	if err := p.start(); err != nil {
		proxywasm.LogErrorf("tick-queue: %v", err)
		return types.OnPluginStartStatusFailed
	}
	return types.OnPluginStartStatusOK
}

func (p *plugin) start() error {
	document, err := proxywasm.GetPluginConfiguration()
	if err != nil {
		document = nil // hosts say so when there is none
	}
	if p.config, err = parse(document); err != nil {
		return err
	}
	p.backlog = backlog{batch: p.config.Batch, most: p.config.MaxPending, retries: *p.config.Retries}
	if p.queue, err = proxywasm.RegisterSharedQueue(p.config.Queue); err != nil {
		return err
	}
	return proxywasm.SetTickPeriodMilliSeconds(p.config.FlushIntervalMS)
}

// OnQueueReady takes events as they come, so that the gateway's queue stays short.
func (p *plugin) OnQueueReady(uint32) { p.drain() }

// OnTick sends a batch. It looks into the queue, too: the instance that is told of new events may have crashed.
func (p *plugin) OnTick() {
	p.drain()
	if n := p.backlog.takeDropped(); n > 0 {
		proxywasm.LogWarnf("tick-queue: %d events gave way to newer ones: the upstream is too slow for max_pending", n)
	}
	if body := p.backlog.next(); body != nil {
		p.send(body)
	}
}

func (p *plugin) drain() {
	for {
		event, err := proxywasm.DequeueSharedQueue(p.queue)
		if err != nil {
			if !errors.Is(err, types.ErrorStatusEmpty) {
				proxywasm.LogWarnf("tick-queue: reading the queue: %v", err)
			}
			return
		}
		p.backlog.add(event)
	}
}

func (p *plugin) send(body []byte) {
	headers := [][2]string{
		{":method", "POST"},
		{":path", p.config.Path},
		{":authority", p.config.Authority},
		{"content-type", "application/x-ndjson"},
	}
	for name, value := range p.config.Headers {
		headers = append(headers, [2]string{name, value})
	}
	if _, err := proxywasm.DispatchHttpCall(p.config.Upstream, headers, body, nil, p.config.TimeoutMS, p.answered); err != nil {
		proxywasm.LogErrorf("tick-queue: %s", p.backlog.failed("calling upstream "+p.config.Upstream+": "+err.Error(), true))
	}
}

// answered: what the upstream did not take for a reason of its own that may pass is sent again.
func (p *plugin) answered(int, int, int) {
	status := answeredStatus()
	switch {
	case status/100 == 2:
		p.backlog.arrived()
	case status == 0:
		proxywasm.LogWarnf("tick-queue: %s", p.backlog.failed("the call failed", true))
	default:
		again := status >= 500 || status == 408 || status == 429
		proxywasm.LogWarnf("tick-queue: %s", p.backlog.failed("the upstream answered "+strconv.Itoa(status), again))
	}
}

// answeredStatus is 0 when there was no answer.
func answeredStatus() int {
	headers, err := proxywasm.GetHttpCallResponseHeaders()
	if err != nil {
		return 0
	}
	for _, pair := range headers {
		if pair[0] == ":status" {
			status, _ := strconv.Atoi(pair[1])
			return status
		}
	}
	return 0
}

func (p *plugin) NewHttpContext(uint32) types.HttpContext {
	return &exchange{plugin: p, began: time.Now()}
}
