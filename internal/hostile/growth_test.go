package hostile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// What the stores of all plugins permit.
const (
	storeBytes    = 64 << 20
	definedAtMost = 1000
)

func growth() []*behaviour {
	// All cases of one kind have one allowance together.
	space := func(vmID string) object { return object{"vm_id": vmID} }
	return []*behaviour{
		{id: 32, group: "growth", name: "shared data without end", promise: "64 MiB of a `vm_id`, then INTERNAL_FAILURE", attacks: []attack{
			{name: "new keys", do: "grab 100000 262144", in: everywhere(), settings: space("hostile-growth"), check: took("grab", "10", storeBytes/262144)},
			{name: "a key with a wrong CAS, for ever", do: "setdata k v; quiet 1; repeat 0; setdata k v 4294967295; end", in: []string{"request_headers", "tick"}, outcome: ends, says: "ran longer than its limit"},
		}},
		{id: 33, group: "growth", name: "queues that nobody reads", promise: "64 MiB of a `vm_id`, 100,000 items, 1000 queues; then NOT_FOUND", attacks: []attack{
			{name: "large items", do: "queue full; hail 100000 262144", in: everywhere(), settings: space("hostile-queues"), check: took("hail", "1", storeBytes/262144)},
			{name: "many items", do: "queue many; hail 110000 1", in: []string{"request_headers", "tick"}, settings: space("hostile-items"), check: took("hail", "1", 100_000)},
		}},
		{id: 34, group: "growth", name: "a metric for every request", promise: "1000 of a plugin; what is beyond is counted nowhere", attacks: []attack{
			{name: "define_metric", do: "define 3000", in: everywhere(), outcome: bounded, check: fewMetrics},
		}},
		{id: 35, group: "growth", name: "log floods, long lines, control characters", promise: "16 KiB a line, 1000 lines a second, always JSON", attacks: []attack{
			{name: "lines of 1 MiB", do: "biglog 50 1048576", in: everywhere(), check: answersAnything},
			{name: "ten thousand lines", do: "repeat 10000; log 2 flood; end", in: everywhere(), check: floodCounted},
			{name: "control characters", do: `log 2 "probe: x\n{\"level\":\"fatal\",\"msg\":\"panic\"}\x1b[2J\x80\xff\0"`, in: everywhere(), check: answersAnything},
		}},
		{id: 36, group: "growth", name: "timers that never rest", promise: "10 ms is the shortest period; ticks do not pile up", attacks: []attack{
			{name: "a period of 0 and of 1 ms", do: "tick 0; tick 1", in: onStreams(), check: (*kit).tickedSlowly},
			{name: "a tick slower than its period", script: lines("configure: tick 1", "tick: busy 50"), in: []string{"tick"}, once: true, check: (*kit).tickedSlowly},
		}},
	}
}

// took wants a command to have been ended by a limit after at most so many times.
func took(command, status string, atMost int) func(*kit, *trial) error {
	return func(k *kit, tr *trial) error {
		if err := k.answered(tr, command, status); err != nil {
			return err
		}
		for _, line := range k.answers(tr, command) {
			var st, times int
			if _, err := fmt.Sscan(line, &st, &times); err != nil || times > atMost {
				return fmt.Errorf("%s %s: %d times, want at most %d", command, line, times, atMost)
			}
		}
		return nil
	}
}

// fewMetrics counts what the page has of the plugin.
func fewMetrics(k *kit, tr *trial) error {
	of := regexp.MustCompile(`(?m)^loom_guest_\w+\{.*plugin="` + regexp.QuoteMeta(tr.name) + `"`)
	if n := len(of.FindAllString(k.page(), -1)); n > definedAtMost {
		return fmt.Errorf("%d metrics of the plugin, want at most %d", n, definedAtMost)
	}
	return nil
}

// floodCounted wants the lines that were dropped to be counted.
func floodCounted(k *kit, tr *trial) error {
	if !tr.attack.atStart(tr.in) && k.stateOf(tr.name).limitHits == 0 {
		return errors.New("loom_plugin_limit_hits_total does not count the lines that were dropped")
	}
	return nil
}

// tickedSlowly counts the ticks of a while.
func (k *kit) tickedSlowly(tr *trial) error {
	const while = 300 * time.Millisecond
	count := func() int { return strings.Count(strings.Join(k.gateway.said(tr.name), "\n"), "> tick") }
	began, before := time.Now(), count()
	time.Sleep(while)
	if n, most := count()-before, int(time.Since(began)/(10*time.Millisecond))+20; n > most {
		return fmt.Errorf("%d ticks in %v", n, time.Since(began))
	}
	return nil
}
