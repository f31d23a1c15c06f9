package httpfilter

import (
	"context"
	"errors"

	"github.com/loom-gateway/loom/internal/clientbody"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// While a plugin holds a part of a body it may let go, or answer, before the client sends more: from a tick, or when a
// callout comes back. So the client is then read on a goroutine of its own.

var (
	errReleased = errors.New("the plugin has let go of what it held")
	errArrived  = errors.New("the client has sent more")
)

// pendingRead is a read of the client's body that may outlast what waits for it.
type pendingRead struct {
	done chan struct{}
	n    int
	err  error
}

// read reads a chunk, or returns errReleased when the plugin lets go of what it holds before there is one.
func (b *requestBody) read() (int, error) {
	if !b.held && b.pending.Load() == nil {
		return b.readChunk()
	}
	p := b.pending.Load()
	if p == nil {
		p = &pendingRead{done: make(chan struct{})}
		b.pending.Store(p)
		go func() {
			defer close(p.done)
			p.n, p.err = b.readChunk()
		}()
	}
	if b.held {
		if err := b.waitFor(p); !errors.Is(err, errArrived) {
			return 0, err
		}
	}
	<-p.done
	b.pending.Store(nil)
	return p.n, p.err
}

// waitFor waits for the client or for the plugin, whoever is first.
func (b *requestBody) waitFor(p *pendingRead) error {
	x := b.exchange
	for {
		wake, v, ok := x.stream.Poll(abi.OnRequestBody)
		if ok {
			return b.letGo(v)
		}
		select {
		case <-wake:
		case <-p.done:
			x.stream.Leave(abi.StreamHTTPRequest)
			return errArrived
		case <-x.request.Context().Done():
			x.stream.Leave(abi.StreamHTTPRequest)
			return context.Cause(x.request.Context())
		}
	}
}

func (b *requestBody) letGo(v proxywasm.Verdict) error {
	if err := b.exchange.outcomeOf(v); err != nil {
		return err
	}
	if err := b.release(); err != nil {
		return err
	}
	return errReleased
}

// abandon ends a read that is still under way when the exchange ends: the server could not close the body otherwise.
func (b *requestBody) abandon() {
	p := b.pending.Load()
	if p == nil {
		return
	}
	if clientbody.Interrupt(b.exchange.response.ResponseWriter) {
		<-p.done
	}
}

// isOutcome reports whether an error is what the plugin, and not the client, made of the request.
func isOutcome(err error) bool {
	failure := (*Error)(nil)
	return errors.As(err, &failure) || errors.Is(err, errLocalReply) || errors.Is(err, errAborted)
}
