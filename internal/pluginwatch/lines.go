package pluginwatch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// A line is one item of a list as RFC 9651 has it: the plugin's name, with parameters. So lines may be joined with commas on
// their way, as any field's may.

// line is what a record has to tell of one phase, or of the plugin as a whole.
type line struct {
	at   time.Time
	text string
}

// fresh lists what the response's head has not told of yet.
func (r *Record) fresh() (lines []line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.phases) > 0 {
		r.claim(r.phases[len(r.phases)-1]) // of a tick, or of another stream
	}
	for _, p := range r.phases {
		if p.runs > p.reported {
			p.reported = p.runs
			lines = append(lines, line{p.first, r.phaseLine(p)})
		}
	}
	if v := r.verdict; v != verdictNone {
		text := quoted(r.plugin) + ";verdict=" + v.String()
		if r.limit != "" {
			text += ";limit=" + r.limit
		}
		lines = append(lines, line{time.Now(), text})
	}
	return lines
}

func (r *Record) phaseLine(p *phase) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s;phase=%s", quoted(r.plugin), p.kind)
	if p.verdict != verdictNone {
		fmt.Fprintf(&b, ";verdict=%s", p.verdict)
	}
	if p.status != 0 {
		fmt.Fprintf(&b, ";status=%d", p.status)
	}
	fmt.Fprintf(&b, ";us=%s;hostcalls=%d", strconv.FormatFloat(microseconds(p.took), 'f', 1, 64), p.hostcalls)
	if p.runs > 1 {
		fmt.Fprintf(&b, ";runs=%d", p.runs)
	}
	for _, how := range hows() {
		if names := p.names(how); len(names) > 0 {
			fmt.Fprintf(&b, ";%s=%s", how, quoted(strings.Join(names, " ")))
		}
	}
	return b.String()
}

// names lists what the phase has changed in one way. What is not a header of the phase's own direction says so.
func (p *phase) names(how how) (names []string) {
	own := abi.MapHTTPRequestHeaders
	if strings.HasPrefix(p.kind.String(), "on_response") {
		own = abi.MapHTTPResponseHeaders
	}
	for _, c := range p.changes {
		switch {
		case c.how != how:
		case c.in == own:
			names = append(names, c.name)
		default:
			names = append(names, mapName(c.in)+"/"+c.name)
		}
	}
	return names
}

// quoted is a string of RFC 9651. What it cannot have is percent-encoded.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func inOrder(lines []line) []line {
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	return lines
}
