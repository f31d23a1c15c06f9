package hostile

import (
	"fmt"
	"strings"
	"time"
)

// trial is one attack in one place under one policy, and what came of it.
type trial struct {
	behaviour *behaviour
	attack    attack
	in        string
	policy    string
	name      string // of its plugin and its route

	answer answer
	took   time.Duration
	state  state // of the plugin, after the attack
	err    error
}

// trials are all cases of a behaviour, or with quick one of them.
func (b *behaviour) trials(quick bool) []*trial {
	var list []*trial
	for n, a := range b.attacks {
		if a.slow && quick {
			continue
		}
		for _, in := range a.in {
			for _, policy := range policies() {
				if policy != "closed" && a.policyFree(in) {
					continue
				}
				name := fmt.Sprintf("h%02d-%d-%s-%s", b.id, n, strings.ReplaceAll(in, "_", "-"), policy)
				list = append(list, &trial{behaviour: b, attack: a, in: in, policy: policy, name: name})
			}
		}
		if quick && len(list) > 0 {
			return list[:1]
		}
	}
	return list
}

// policyFree reports whether one policy is enough: with the others the config does not load either.
func (a attack) policyFree(in string) bool {
	return a.once || a.outcome == refused || a.outcome == ends && a.atStart(in)
}

func (a attack) atStart(in string) bool { return in == "vm_start" || in == "configure" || in == atLoad }

// refuses reports whether the config must not load.
func (tr *trial) refuses() bool {
	return tr.attack.outcome == refused || tr.attack.outcome == ends && tr.attack.atStart(tr.in)
}

// limit is how long the attacker may wait for an answer.
func (tr *trial) limit() time.Duration {
	switch tr.attack.outcome {
	case held:
		return pauseTimeout + grace
	case ends:
		return 2*callTimeout + grace
	case harmless, bounded, refused:
	}
	return patience
}

func (tr *trial) fail(format string, args ...any) {
	if tr.err == nil {
		tr.err = fmt.Errorf(format, args...)
	}
}

func (tr *trial) String() string {
	return fmt.Sprintf("%d %s, %s, in %s, %s", tr.behaviour.id, tr.behaviour.name, tr.attack.name, tr.in, tr.policy)
}
