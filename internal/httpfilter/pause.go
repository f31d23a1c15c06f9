package httpfilter

import (
	"context"
	"net/http"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// statusClientGone is what nobody reads: the usual number in logs for a client that went away.
const statusClientGone = 499

// wait holds the exchange, whose callback c has paused it, until the plugin lets it go on. What the plugin sends to the
// client meanwhile shows that it has not forgotten the stream: the time begins anew.
func (x *exchange) wait(c abi.Callback) error {
	for {
		v, err := x.waitOnce(c)
		if err != nil {
			return err
		}
		if err := x.response.outcomeOf(v); err != nil || !v.Paused() {
			return err
		}
	}
}

func (x *exchange) waitOnce(c abi.Callback) (proxywasm.Verdict, error) {
	ctx, cancel := context.WithTimeoutCause(x.request.Context(), x.filter.plugin.PauseTimeout(), errPauseTimeout)
	defer cancel()
	v := x.stream.Wait(ctx, c)
	if v.Err == nil || ctx.Err() == nil {
		return v, nil
	}
	if x.request.Context().Err() != nil {
		return v, &Error{Status: statusClientGone, Reason: "the client went away while a plugin held the request", Err: x.request.Context().Err()}
	}
	x.filter.plugin.CountPauseTimeout()
	x.record.Limited("pause_timeout")
	x.filter.options.Log.Warn("a plugin did not continue what it had paused; the client gets 504",
		zap.String("plugin", x.filter.plugin.Name()), zap.Stringer("callback", c), zap.Duration("pause_timeout", x.filter.plugin.PauseTimeout()))
	x.judge(filterstate.Failed, 0)
	return v, &Error{Status: http.StatusGatewayTimeout, Reason: "plugin " + x.filter.plugin.Name() + " paused", Err: errPauseTimeout}
}
