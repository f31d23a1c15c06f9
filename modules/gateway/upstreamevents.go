package gateway

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/loom-gateway/loom/internal/upstream"
)

// upstreamEvents logs what happens to endpoints, and hands it to Caddy's events app as `loom.upstream.<kind>`, such as
// `loom.upstream.breaker_opened`, with the data `upstream`, `endpoint`, `reason` and `for` (a duration), where there are any.
func (a *App) upstreamEvents(ctx caddy.Context) (func(upstream.Event), error) {
	app, err := ctx.App("events")
	if err != nil {
		return nil, fmt.Errorf("finding the events app: %w", err)
	}
	events := app.(*caddyevents.App)
	return func(e upstream.Event) {
		if ctx.Err() != nil { // the config is gone, and so is its log
			return
		}
		a.logUpstreamEvent(e)
		if name := "loom.upstream." + string(e.Kind); events.ShouldEmit(name) {
			go events.Emit(ctx, name, eventData(e)) // handlers may take their time; the request that met the event may not
		}
	}, nil
}

func eventData(e upstream.Event) map[string]any {
	data := map[string]any{"upstream": e.Upstream}
	if e.Endpoint != "" {
		data["endpoint"] = e.Endpoint
	}
	if e.Reason != "" {
		data["reason"] = e.Reason
	}
	if e.For > 0 {
		data["for"] = e.For
	}
	return data
}

// upstreamMessage is what the log says, and whether people should look.
func upstreamMessage(k upstream.Kind) (text string, level zapcore.Level) {
	switch k {
	case upstream.BreakerOpened:
		return "circuit breaker opened: no requests go to the endpoint for a while", zapcore.WarnLevel
	case upstream.BreakerHalfOpen:
		return "circuit breaker lets requests probe the endpoint", zapcore.InfoLevel
	case upstream.BreakerClosed:
		return "circuit breaker closed", zapcore.InfoLevel
	case upstream.Unhealthy:
		return "endpoint is unhealthy by its health check", zapcore.WarnLevel
	case upstream.Healthy:
		return "endpoint is healthy again", zapcore.InfoLevel
	case upstream.Ejected:
		return "endpoint ejected: requests to it have failed", zapcore.WarnLevel
	case upstream.Panic:
		return "too few endpoints are well: all get traffic", zapcore.WarnLevel
	case upstream.EndpointsChanged:
		return "endpoints have changed with what is behind a name", zapcore.InfoLevel
	case upstream.LookupFailed:
		return "looking up a name failed: the endpoints stay as they are", zapcore.WarnLevel
	case upstream.LookupRecovered:
		return "looking up a name works again", zapcore.InfoLevel
	case upstream.PanicOver:
		return "enough endpoints are well again", zapcore.InfoLevel
	}
	return string(k), zapcore.InfoLevel
}

func (a *App) logUpstreamEvent(e upstream.Event) {
	text, level := upstreamMessage(e.Kind)
	entry := a.logger.Check(level, text)
	if entry == nil {
		return
	}
	fields := []zap.Field{zap.String("upstream", e.Upstream)}
	if e.Endpoint != "" {
		fields = append(fields, zap.String("endpoint", e.Endpoint))
	}
	if e.Reason != "" {
		fields = append(fields, zap.String("reason", e.Reason))
	}
	if e.For > 0 {
		fields = append(fields, zap.Duration("for", e.For))
	}
	entry.Write(fields...)
}
