package gateway

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/loom-gateway/loom/internal/plugin"
)

// breakerEvents hands the changes of plugins' breakers to Caddy's events app: `loom.plugin.breaker_opened`, `_half_open` and
// `_closed`, with the data `plugin`, `reason` (the last failure) and `pause` (a duration; both only when it opened).
func breakerEvents(ctx caddy.Context) (func(plugin.BreakerEvent), error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, fmt.Errorf("finding the events app: %w", err)
	}
	events := app.(*caddyevents.App)
	return func(e plugin.BreakerEvent) {
		if ctx.Err() != nil { // the plugin drains, and its config is gone
			return
		}
		data := map[string]any{"plugin": e.Plugin}
		if e.State == plugin.BreakerOpen {
			data["reason"], data["pause"] = e.Reason, e.Pause
		}
		events.Emit(ctx, "loom.plugin.breaker_"+breakerEventName(e.State), data)
	}, nil
}

func breakerEventName(s plugin.BreakerState) string {
	if s == plugin.BreakerOpen {
		return "opened"
	}
	return s.String()
}
