package proxywasm

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// A hostcall that fails tells the guest a number, and SDKs turn most numbers into a panic or nothing at all. So what a
// hostcall could not do stands in the log in words: which call of which context, why, and where the ABI says more.

// Refusal is a hostcall that failed, or that did less than the guest asked for.
type Refusal struct {
	// Hostcall is the import's name, Section the part of the ABI's specification that describes it.
	Hostcall, Section string
	// Context is the id of the context that the hostcall acted on, Callback the export that called.
	Context  uint32
	Callback string
	// Status is what the guest got; OK where only an effect was left out.
	Status abi.Status
	// Reason is one clause; About, which may be empty, is what the guest named: an upstream, a function.
	Reason, About string
	// Unreported is how often the same was refused since the last report.
	Unreported int
}

// refuse records why the running hostcall does not do what it was asked for, and returns status. reason must be a
// constant: refusals with the same one are reported together.
func (in *Instance) refuse(status abi.Status, reason string) abi.Status {
	in.reason, in.about = reason, ""
	return status
}

// refuseAbout is refuse for a thing that the guest named.
func (in *Instance) refuseAbout(status abi.Status, reason string, about []byte) abi.Status {
	in.reason, in.about = reason, visible(string(about[:min(len(about), maxAbout)]))
	return status
}

// omit records what the running hostcall leaves out although it answers OK.
func (in *Instance) omit(reason string) { _ = in.refuse(abi.StatusOK, reason) }

// maxAbout is how much of a name is repeated in a report, in bytes.
const maxAbout = 256

// reportRefusal runs after a hostcall that answered something else than OK, or recorded a reason. answered is the status
// that the guest gets.
func (in *Instance) reportRefusal(hostcall string, status, answered abi.Status) {
	reason, about := in.reason, in.about
	in.reason, in.about = "", ""
	if reason == "" {
		if isAnswer(status) {
			return
		}
		reason = usualReason(status)
	}
	if !in.host.Log.Enabled(abi.LogWarn) {
		return
	}
	unreported, ok := in.module.refusals.report(refusalKey{hostcall, reason}, in.host.Now())
	if !ok {
		return
	}
	in.host.Log.Refused(Refusal{
		Hostcall: hostcall, Section: abi.Section(hostcall), Context: in.effective.id, Callback: in.callback(),
		Status: answered, Reason: reason, About: about, Unreported: unreported,
	})
}

// isAnswer reports whether a status says how things are and not that the call failed.
func isAnswer(status abi.Status) bool {
	return status == abi.StatusNotFound || status == abi.StatusEmpty || status == abi.StatusCasMismatch
}

// usualReason is what a status stands for where the hostcall does not say more.
func usualReason(status abi.Status) string {
	switch status {
	case abi.StatusInvalidMemoryAccess:
		return "a pointer or a length lies outside of the plugin's memory, or its allocator gave none"
	case abi.StatusBadArgument:
		return "an argument has a value that the ABI does not know"
	case abi.StatusUnimplemented:
		return "this host does not offer it"
	}
	return "the host could not do it: " + status.String()
}

// refusalInterval is the time between two reports of the same refusal of one plugin.
const refusalInterval = 10 * time.Second

type refusalKey struct{ hostcall, reason string }

// maxRefusals bounds what is remembered, should a reason not be a constant.
const maxRefusals = 1000

// refusals limits what is reported of all instances of a plugin.
type refusals struct {
	mu   sync.Mutex
	seen map[refusalKey]*refusalCount
}

type refusalCount struct {
	limit      *rate.Limiter
	unreported int
}

// report says whether a refusal is to be reported now, and how many have not been since the last time.
func (r *refusals) report(key refusalKey, now time.Time) (unreported int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := r.seen[key]
	if count == nil {
		if r.seen == nil || len(r.seen) >= maxRefusals {
			r.seen = map[refusalKey]*refusalCount{}
		}
		count = &refusalCount{limit: rate.NewLimiter(rate.Every(refusalInterval), 1)}
		r.seen[key] = count
	}
	if !count.limit.AllowN(now, 1) {
		count.unreported++
		return 0, false
	}
	unreported, count.unreported = count.unreported, 0
	return unreported, true
}
