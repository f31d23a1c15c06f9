package plugin

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

const (
	// logBurst is how many lines all instances of a plugin may log at once, in seconds of its rate.
	logBurst = 5

	// logReport is how long after the first dropped line the log says how many were dropped.
	logReport = time.Second
)

// logSwitch is the logger of the running config. A plugin outlives configs, so it must not keep one.
type logSwitch struct{ current atomic.Pointer[zap.Logger] }

func (s *logSwitch) set(l *zap.Logger) {
	if l == nil {
		l = zap.NewNop()
	}
	s.current.Store(l)
}

func (s *logSwitch) get() *zap.Logger { return s.current.Load() }

// guestLog is what the guests of one plugin write to. A flood is dropped and counted: it neither blocks the guest nor fills
// the disk.
type guestLog struct {
	log     *logSwitch
	fields  []zap.Field
	limit   *rate.Limiter
	dropped atomic.Int64 // since the last report
	hits    *proxywasm.Hits
}

func newGuestLog(log *logSwitch, s Spec, hits *proxywasm.Hits) *guestLog {
	lines := s.Limits.OrDefaults().LogRate
	return &guestLog{
		log:    log,
		fields: []zap.Field{zap.String("plugin", s.Name), zap.String("root_id", s.RootID), zap.String("vm_id", s.VMID)},
		limit:  rate.NewLimiter(rate.Limit(lines), logBurst*lines), hits: hits,
	}
}

// Enabled implements proxywasm.Logger.
func (g *guestLog) Enabled(level abi.LogLevel) bool {
	return g.log.get().Core().Enabled(zapLevel(level))
}

// Log implements proxywasm.Logger.
func (g *guestLog) Log(level abi.LogLevel, msg string, at proxywasm.LogOrigin) {
	entry := g.log.get().Check(zapLevel(level), msg)
	if entry == nil {
		return
	}
	if !g.limit.Allow() {
		g.hits.Add(proxywasm.LimitLogRate)
		if g.dropped.Add(1) == 1 {
			time.AfterFunc(logReport, g.report)
		}
		return
	}
	fields := append(g.fields[:len(g.fields):len(g.fields)],
		zap.Uint32("root_context", at.Root), zap.Uint32("context", at.Context))
	if at.RequestID != "" {
		fields = append(fields, zap.String("request_id", at.RequestID))
	}
	entry.Write(fields...)
}

// report says how many lines were dropped since the last report.
func (g *guestLog) report() {
	if n := g.dropped.Swap(0); n > 0 {
		g.log.get().Warn("a plugin logs more than its rate; lines were dropped", append(g.fields[:len(g.fields):len(g.fields)],
			zap.Int64("dropped", n), zap.Int("lines_per_second", int(g.limit.Limit())))...)
	}
}

// Refused writes one line about a hostcall that failed.
func (g *guestLog) Refused(r proxywasm.Refusal) {
	fields := append(g.fields[:len(g.fields):len(g.fields)],
		zap.Uint32("context", r.Context), zap.String("callback", r.Callback),
		zap.String("hostcall", r.Hostcall), zap.Stringer("status", r.Status), zap.String("reason", r.Reason))
	if r.About != "" {
		fields = append(fields, zap.String("about", r.About))
	}
	fields = append(fields, zap.String("section", r.Section))
	if r.Unreported > 0 {
		fields = append(fields, zap.Int("unreported", r.Unreported))
	}
	g.log.get().Warn("a hostcall of the plugin failed", fields...)
}

// zapLevel maps the ABI's levels; critical is an error here, for it must not end the process.
func zapLevel(level abi.LogLevel) zapcore.Level {
	switch level {
	case abi.LogTrace, abi.LogDebug:
		return zapcore.DebugLevel
	case abi.LogInfo:
		return zapcore.InfoLevel
	case abi.LogWarn:
		return zapcore.WarnLevel
	}
	return zapcore.ErrorLevel
}

// Interface guard
var _ proxywasm.Logger = (*guestLog)(nil)
