package main

import "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

// postponed are streams that wait for a tick, in their order.
type postponed struct{ waiting []uint32 }

func (p *plugin) OnTick() {
	switch p.example {
	case "helloworld":
		proxywasm.LogInfo("hello from a tick")
	case "dispatch_call_on_tick":
		headers := [][2]string{{":method", "GET"}, {":path", "/tick"}, {":authority", "some.test"}, {"accept", "*/*"}}
		_, err := proxywasm.DispatchHttpCall(p.rest, headers, nil, nil, 5000, func(headers, size, trailers int) {
			body, err := proxywasm.GetHttpCallResponseBody(0, size)
			proxywasm.LogInfof("the tick's call answered %q %v", body, err)
		})
		if err != nil {
			proxywasm.LogErrorf("the tick's call: %v", err)
		}
	case "foreign_call_on_tick":
		packed, err := proxywasm.CallForeignFunction("compress", []byte(p.rest))
		if err == nil {
			packed, err = proxywasm.CallForeignFunction("uncompress", packed)
		}
		proxywasm.LogInfof("packed and unpacked %q %v", packed, err)
	case "postpone_requests":
		p.resumeFirst()
	}
}

// resumeFirst lets one stream go on.
func (p *plugin) resumeFirst() {
	if len(p.waiting) == 0 {
		return
	}
	id := p.waiting[0]
	p.waiting = p.waiting[1:]
	if err := proxywasm.SetEffectiveContext(id); err != nil {
		proxywasm.LogErrorf("the stream of a postponed request: %v", err)
		return
	}
	_ = proxywasm.AddHttpRequestHeader("x-a", "postponed")
	_ = proxywasm.ResumeHttpRequest()
}

func (p *plugin) OnQueueReady(queue uint32) {
	for {
		data, err := proxywasm.DequeueSharedQueue(queue)
		if err != nil {
			return
		}
		proxywasm.LogInfof("the queue had %q", data)
	}
}
