package plugin

import (
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
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

// guestLog is what the guests write to.
type guestLog struct {
	log    *logSwitch
	plugin string
}

func (g guestLog) Enabled(level abi.LogLevel) bool {
	return g.log.get().Core().Enabled(zapLevel(level))
}

func (g guestLog) Log(level abi.LogLevel, msg string) {
	if entry := g.log.get().Check(zapLevel(level), msg); entry != nil {
		entry.Write(zap.String("plugin", g.plugin))
	}
}

// Refused writes one line about a hostcall that failed.
func (g guestLog) Refused(r proxywasm.Refusal) {
	fields := []zap.Field{
		zap.String("plugin", g.plugin), zap.Uint32("context", r.Context), zap.String("callback", r.Callback),
		zap.String("hostcall", r.Hostcall), zap.Stringer("status", r.Status), zap.String("reason", r.Reason),
	}
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
var _ proxywasm.Logger = guestLog{}
