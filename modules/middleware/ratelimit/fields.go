package ratelimit

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/loom-gateway/loom/internal/ratelimit"
	"github.com/loom-gateway/loom/internal/responsehead"
)

// fields are those of responses that tell clients about their limit.
type fields struct {
	style  string
	limits []string // the burst of each limit, for trio
	names  []string // of each limit, for draft
	policy string
}

// The styles.
const (
	styleTrio  = "trio"
	styleDraft = "draft"
	styleOff   = "off"
)

func newFields(style string, rules *ratelimit.Rules) fields {
	f := fields{style: style}
	var policies []string
	for i, l := range rules.Limits() {
		f.limits = append(f.limits, strconv.Itoa(l.Burst))
		f.names = append(f.names, fmt.Sprintf(`"limit-%d"`, i+1))
		// The draft has a quota in a window: as many requests as a burst, in the time that a whole burst takes to come back.
		window := time.Duration(l.Burst) * l.Per / time.Duration(l.Rate)
		policies = append(policies, fmt.Sprintf("%s;q=%d;w=%d", f.names[i], l.Burst, seconds(window)))
	}
	f.policy = strings.Join(policies, ", ")
	return f
}

// telling is a response that gets its fields again when its head is sent: in place of those of a backend with limits of its own.
type telling struct {
	responsehead.Writer
	fields   *fields
	decision ratelimit.Decision
}

// Head implements responsehead.Hook.
func (t *telling) Head(_ int, header http.Header) { t.fields.set(header, &t.decision) }

func (f *fields) set(h http.Header, d *ratelimit.Decision) {
	s := &d.Limits[d.Strictest]
	switch f.style {
	case styleTrio:
		h["Ratelimit-Limit"] = f.limits[d.Strictest : d.Strictest+1 : d.Strictest+1]
		h["Ratelimit-Remaining"] = []string{strconv.FormatInt(s.Remaining, 10)}
		h["Ratelimit-Reset"] = []string{strconv.FormatInt(seconds(s.Reset), 10)}
	case styleDraft:
		states := make([]string, 0, ratelimit.MaxLimits)
		for i, name := range f.names {
			states = append(states, fmt.Sprintf("%s;r=%d;t=%d", name, d.Limits[i].Remaining, seconds(d.Limits[i].Reset)))
		}
		h["Ratelimit"] = []string{strings.Join(states, ", ")}
		h["Ratelimit-Policy"] = []string{f.policy}
	}
}

// seconds are whole ones, rounded up: a client that waits for so long has waited for long enough.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// Interface guard
var _ responsehead.Hook = (*telling)(nil)
