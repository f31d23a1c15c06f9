package hostile

import (
	"flag"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	all    = flag.Bool("all", false, "run every case, and measure the neighbour's latency")
	update = flag.Bool("update", false, "write the table of docs/security.md (with -all)")
	only   = flag.String("only", "", "run the cases whose text matches this expression, such as '^3[0-6] .*tick', and print what their guests logged")
)

// TestHostile runs the cases in one gateway, which must outlive all of them.
func TestHostile(t *testing.T) {
	behaviours := catalogue()
	k := newKit(t)
	r := &report{}
	for _, group := range groups(behaviours) {
		for _, b := range behaviours {
			if b.group != group || k.gateway.ended() {
				continue
			}
			if trials := pick(b); len(trials) > 0 {
				one := k.run(b, trials)
				t.Log(one)
				r.add(one)
			}
		}
		k.endGroup(r, group)
	}
	k.endAll(r)
	r.write(t)
}

func groups(list []*behaviour) []string {
	var names []string
	for _, b := range list {
		if !slices.Contains(names, b.group) {
			names = append(names, b.group)
		}
	}
	return names
}

// pick is what is run of a behaviour.
func pick(b *behaviour) []*trial {
	trials := b.trials(!*all && *only == "")
	wanted := regexp.MustCompile(*only)
	return slices.DeleteFunc(trials, func(tr *trial) bool { return !wanted.MatchString(tr.String()) })
}

// result is what came of a behaviour's trials.
type result struct {
	behaviour *behaviour
	trials    []*trial
	took      time.Duration
	// samples, p99 and calm are the neighbour's while the attacks ran, and without them.
	samples   int
	p99, calm time.Duration
}

// calmTime is how long the neighbour's latency without attacks is measured, before and after each behaviour; pressure is the least
// time of an attack for a measurement.
const calmTime, pressure = 2 * time.Second, 3 * time.Second

// batch is how many plugins are in one config.
const batch = 16

// run runs the trials of a behaviour, one after the other.
func (k *kit) run(b *behaviour, trials []*trial) *result {
	began := time.Now()
	r := &result{behaviour: b, trials: trials}
	calm, attacks := []window{k.calm()}, []window(nil)
	var refusals, loads []*trial
	for _, tr := range trials {
		if tr.refuses() {
			refusals = append(refusals, tr)
		} else {
			loads = append(loads, tr)
		}
	}
	attacks = append(attacks, during(func() { k.refuseAll(refusals) }))
	for some := range slices.Chunk(loads, batch) {
		attacks = append(attacks, k.runBatch(some)...)
	}
	if *all && len(loads) > 0 {
		attacks = append(attacks, during(func() { k.press(loads[(len(loads)-1)/batch*batch:]) }))
	}
	calm = append(calm, k.calm())
	r.samples, r.p99 = k.traffic.over(attacks...)
	_, r.calm = k.traffic.over(calm...)
	r.took = time.Since(began)
	for _, tr := range trials {
		if tr.err != nil {
			k.t.Errorf("%s: %v%s", tr, tr.err, k.transcript(tr))
		}
	}
	if k.gateway.ended() {
		k.t.Fatalf("the gateway has ended: %s\n%s", k.gateway.cmd.ProcessState, k.gateway.tail())
	}
	return r
}

// refuseAll loads configs that must be refused, and again as long as the neighbour's latency is measured.
func (k *kit) refuseAll(trials []*trial) {
	for _, tr := range trials {
		k.judgeRefusal(tr)
	}
	for began, n := time.Now(), 0; *all && len(trials) > 0 && time.Since(began) < pressure; n++ {
		_ = k.load(k.config(trials[n%len(trials)])) // judged before
	}
}

// transcript is what the guest logged, for a run of a few cases.
func (k *kit) transcript(tr *trial) string {
	if *only == "" {
		return ""
	}
	return "\n" + strings.Join(k.gateway.said(tr.name), "\n")
}

// runBatch runs trials whose plugins are in one config. It returns when they ran.
func (k *kit) runBatch(trials []*trial) (attacks []window) {
	k.gateway.forget()
	var err error
	attacks = append(attacks, during(func() { err = k.load(k.config(trials...)) }))
	if err != nil {
		for _, tr := range trials {
			tr.fail("loading the config: %w", err)
		}
		return attacks
	}
	attacks = append(attacks, during(func() {
		for _, tr := range trials {
			k.attackWith(tr)
		}
	}))
	for _, tr := range trials {
		k.judgeState(tr)
	}
	return attacks
}

// press goes on with attacks whose plugins are loaded, so that the neighbour's latency can be measured meanwhile.
func (k *kit) press(trials []*trial) {
	for began, n := time.Now(), 0; time.Since(began) < pressure; n++ {
		tr := trials[n%len(trials)]
		k.send(tr.name, tr.attack.path, tr.attack.size, true)
	}
}

func (k *kit) calm() window {
	return during(func() {
		if *all {
			time.Sleep(calmTime)
		}
	})
}

func during(f func()) window {
	from := time.Now()
	f()
	return window{from, time.Now()}
}

// endGroup removes the plugins and looks at what is left of them.
func (k *kit) endGroup(r *report, group string) {
	if k.gateway.ended() {
		return
	}
	now, err := k.settle()
	if err != nil {
		k.t.Errorf("%s: %v", group, err)
	}
	r.usages = append(r.usages, groupUsage{group, now, err})
	if list := k.backend.strangers(); len(list) > 0 {
		k.t.Errorf("%s: requests that nobody sent reached the backend: %q", group, list)
	}
	if n := k.canary.visits.Load(); n > 0 {
		k.t.Errorf("%s: a plugin reached a server that it may not call, %d times", group, n)
	}
}

// endAll is judged once: the process, its log and its neighbour.
func (k *kit) endAll(r *report) {
	k.traffic.stop()
	failed, answered := k.traffic.failures()
	r.answered, r.failed, r.base = answered, len(failed), k.base
	for _, text := range failed[:min(len(failed), 10)] {
		k.t.Errorf("the neighbour did not get its answer: %s", text)
	}
	if k.gateway.ended() {
		k.t.Fatalf("the gateway has ended: %s\n%s", k.gateway.cmd.ProcessState, k.gateway.tail())
	}
	k.gateway.stop()
	if state := k.gateway.cmd.ProcessState; state.ExitCode() != 0 {
		k.t.Errorf("the gateway was asked to end: %s\n%s", state, k.gateway.tail())
	}
	k.gateway.mu.Lock()
	bad := k.gateway.bad
	k.gateway.mu.Unlock()
	for _, line := range bad[:min(len(bad), 10)] {
		k.t.Errorf("in the log: %s", line)
	}
}
