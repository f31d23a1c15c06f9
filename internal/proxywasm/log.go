package proxywasm

import (
	"fmt"
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Logging". Messages may be anything: they are cut, and control characters are made visible, so that a
// guest cannot write lines that look like the gateway's.

func (in *Instance) log(p params) abi.Status {
	level := abi.LogLevel(p.u32(0))
	if level > abi.LogCritical {
		return in.refuse(abi.StatusBadArgument, "the level is none of 0 (trace) to 5 (critical)")
	}
	message, ok := in.bytesAt(p.u32(1), p.u32(2))
	if !ok {
		return abi.StatusInvalidMemoryAccess
	}
	in.logBytes(level, message)
	return abi.StatusOK
}

func (in *Instance) logBytes(level abi.LogLevel, message []byte) {
	in.words.hear(level, message)
	if !in.host.Log.Enabled(level) {
		return
	}
	cut := message[:min(len(message), in.module.options.Limits.LogBytes)]
	text := visible(string(cut))
	if len(cut) < len(message) {
		in.hit(LimitLogLine)
		text += fmt.Sprintf("… (%d bytes more)", len(message)-len(cut))
	}
	in.host.Log.Log(level, text, in.origin())
}

// maxWords is how much of what a guest says while it is configured is repeated in an error, in bytes.
const maxWords = 512

// words are the most severe message of a guest that is being configured, the last one of several: if it refuses, that is
// why. Whoever reloads a config sees the error, and often not the log.
type words struct {
	listening bool
	level     abi.LogLevel
	text      string
}

func (w *words) hear(level abi.LogLevel, message []byte) {
	if w.listening && (w.text == "" || level >= w.level) {
		w.level, w.text = level, visible(string(message[:min(len(message), maxWords)]))
	}
}

// reason completes an error about a guest that refused.
func (w *words) reason() string {
	if w.text == "" {
		return "it does not log why"
	}
	return "it says: " + w.text
}

// origin says whose callback runs.
func (in *Instance) origin() LogOrigin {
	at := LogOrigin{Context: in.current.id}
	if in.current.plugin != nil {
		at.Root = in.current.plugin.id
	}
	if s := in.current.stream; s != nil && s.ex != nil {
		id, _ := s.ex.Property(abi.PropertyPath("x_request_id"), nil) // not in.scratch: the guest may log as it allocates
		at.RequestID = string(id)
	}
	return at
}

// visible replaces control characters and broken UTF-8.
func visible(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == '\n':
			b.WriteString(`\n`)
		case isControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool {
	return r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029
}

func (in *Instance) getLogLevel(p params) abi.Status {
	return in.putUint32(p.u32(0), uint32(in.logLevel()))
}

// logLevel is the lowest level that is written.
func (in *Instance) logLevel() abi.LogLevel {
	level := abi.LogTrace
	for level < abi.LogCritical && !in.host.Log.Enabled(level) {
		level++
	}
	return level
}
