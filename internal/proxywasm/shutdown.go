package proxywasm

import (
	"context"
	"slices"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// The end of plugin contexts: proxy_on_done, then proxy_on_delete. A guest that answers 0 to the first has something to
// finish; its ticks, queues and calls go on until it says proxy_done, or for Limits.DoneTimeout.

// Close ends the context. Its streams must be finished.
func (pc *PluginContext) Close(context.Context) {
	pc.in.mu.Lock()
	defer pc.in.mu.Unlock()
	pc.close()
}

// close begins the end. The lock must be held.
func (pc *PluginContext) close() {
	if pc.closing {
		return
	}
	pc.closing = true
	in := pc.in
	if done, err := in.call(in.exports.done, pc.scope(), 1, uint64(pc.id)); err == nil && done == 0 {
		pc.grace = time.AfterFunc(in.module.options.Limits.DoneTimeout, pc.expire)
		return
	}
	pc.remove()
}

func (pc *PluginContext) expire() {
	in := pc.in
	in.mu.Lock()
	defer in.mu.Unlock()
	if !pc.ended {
		in.hit(LimitDoneTimeout)
		in.host.Log.Log(abi.LogWarn, "the plugin answered 0 to proxy_on_done and did not call proxy_done in time; it is ended",
			LogOrigin{Root: pc.id, Context: pc.id})
		pc.remove()
	}
}

// remove is the end: nothing of the context runs any more. The lock must be held.
func (pc *PluginContext) remove() {
	if pc.ended {
		return
	}
	pc.ended = true
	pc.stopTick()
	if pc.grace != nil {
		pc.grace.Stop()
	}
	in := pc.in
	in.dropCalls(pc)
	in.host.Queues.Leave(pc)
	_, _ = in.call(in.exports.deleted, pc.scope(), 0, uint64(pc.id))
	delete(in.scopes, pc.id)
	in.tellQuiet()
}

// abandon is the end of a context that never began: what it set going while it was configured is taken back, and the guest,
// which has refused it, is not called. The lock must be held.
func (pc *PluginContext) abandon() {
	pc.closing, pc.ended = true, true
	pc.stopTick()
	pc.in.dropCalls(pc)
	pc.in.host.Queues.Leave(pc)
	delete(pc.in.scopes, pc.id)
}

// done is proxy_done. The context is deleted when the callback has returned.
func (in *Instance) done(params) abi.Status {
	pc := in.effective.plugin
	if pc == nil || in.effective.stream != nil || pc.grace == nil || pc.ended {
		return in.refuse(abi.StatusNotFound, "the context is not waiting for it: proxy_on_done has to answer 0 first")
	}
	in.leaving = append(in.leaving, pc)
	return abi.StatusOK
}

// removeLeaving deletes the contexts that said proxy_done in the callback that has just returned.
func (in *Instance) removeLeaving() {
	for len(in.leaving) > 0 {
		pc := in.leaving[0]
		in.leaving = slices.Delete(in.leaving, 0, 1)
		pc.remove()
	}
}

// Shutdown ends all plugin contexts. The channel is closed when nothing of them runs any more, or the instance is dead:
// then it is time for Close.
func (in *Instance) Shutdown() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.quiet == nil {
		in.quiet = make(chan struct{})
		for _, s := range in.scopes {
			if s.stream == nil {
				s.plugin.close()
			}
		}
		in.tellQuiet()
	}
	return in.quiet
}

// tellQuiet closes the channel of Shutdown when no plugin context is left. The lock must be held.
func (in *Instance) tellQuiet() {
	if in.quiet == nil || in.isQuiet {
		return
	}
	for _, s := range in.scopes {
		if s.stream == nil && in.Err() == nil {
			return
		}
	}
	in.isQuiet = true
	close(in.quiet)
}

// Close frees the instance at once; who still has something to finish is cut off. Streams that are still open get
// errClosed.
func (in *Instance) Close(ctx context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, s := range in.scopes {
		if s.stream == nil {
			s.plugin.close()
			s.plugin.remove()
		}
	}
	in.onDeath = nil
	_ = in.die("close", errClosed)
	return in.free(ctx)
}
