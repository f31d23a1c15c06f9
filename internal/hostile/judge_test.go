package hostile

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// attackWith sends the request and judges its answer.
func (k *kit) attackWith(tr *trial) {
	if tr.attack.before != nil {
		tr.attack.before(k, tr)
	}
	began := time.Now()
	tr.answer = k.send(tr.name, tr.attack.path, tr.attack.size, true)
	tr.took = time.Since(began)
	if tr.took > tr.limit() {
		tr.fail("the answer took %v, more than %v", tr.took, tr.limit())
	}
	if err := k.judgeAnswer(tr); err != nil {
		tr.fail("%w", err)
	}
}

func (k *kit) judgeAnswer(tr *trial) error {
	a := tr.answer
	untouched := func() error { return a.untouched(tr.name, tr.attack.path) }
	switch tr.attack.outcome {
	case bounded, refused:
		return nil
	case harmless:
		return untouched()
	case held:
		if a.err != nil || a.status != http.StatusGatewayTimeout {
			return errors.New("want 504, got " + a.text())
		}
		return nil
	case ends:
	}
	switch over := tr.in == "log" || tr.in == "done"; {
	case over || tr.policy == "open":
		return untouched()
	case a.cut() && answersAtOnce(tr.in), !a.cut() && a.status != http.StatusServiceUnavailable:
		return errors.New("want 503, got " + a.text())
	}
	return nil // 503, or cut because the head had gone
}

// text is an answer for a message.
func (a answer) text() string {
	if a.err != nil {
		return "an error: " + a.err.Error()
	}
	return http.StatusText(a.status) + " " + a.body[:min(len(a.body), 200)]
}

// judgeState looks at the plugin afterwards, in metrics and admin API.
func (k *kit) judgeState(tr *trial) {
	if tr.attack.outcome == ends {
		k.judgeEnd(tr)
	} else {
		tr.state = k.stateOf(tr.name)
		if tr.state.traps != 0 {
			tr.fail("the instance ended: %s", tr.state.failure)
		}
	}
	if tr.attack.check != nil {
		if err := tr.attack.check(k, tr); err != nil {
			tr.fail("%w", err)
		}
	}
	if tr.attack.outcome != ends && tr.err == nil && tr.in != allocator && !tr.attack.atStart(tr.in) {
		if err := k.send(tr.name, "/after", 0, false).untouched(tr.name, "/after"); err != nil && !tr.attack.keepsOn() {
			tr.fail("a request after the attack: %w", err)
		}
	}
}

// keepsOn reports whether the plugin goes on with it on every request.
func (a attack) keepsOn() bool { return a.script != "" }

// judgeEnd waits for the fresh instance, and has it serve a request.
func (k *kit) judgeEnd(tr *trial) {
	err := eventually("the end of the instance and a fresh one in metrics and admin API", func() bool {
		tr.state = k.stateOf(tr.name)
		return tr.state.traps >= 1 && tr.state.reloads >= 1 && tr.state.instances == 1 && tr.state.failure == ""
	})
	if err != nil {
		tr.fail("%w: %+v", err, tr.state)
		return
	}
	if text := k.gateway.failure(tr.name); !strings.Contains(text, tr.attack.says) {
		tr.fail("the log says %q, not %q", text, tr.attack.says)
	}
	if err := k.send(tr.name, "/after", 0, false).untouched(tr.name, "/after"); err != nil {
		tr.fail("a request on the fresh instance: %w", err)
	}
}

// judgeRefusal loads a config that must be refused, and looks whether the one before goes on.
func (k *kit) judgeRefusal(tr *trial) {
	began := time.Now()
	err := k.load(k.config(tr))
	tr.took = time.Since(began)
	refusal := (*loadError)(nil)
	switch {
	case err == nil:
		tr.fail("the config was loaded")
	case !errors.As(err, &refusal):
		tr.fail("%w", err)
	case strings.Count(refusal.text, "loading plugin") != 1 || strings.Contains(refusal.text, "\n"):
		tr.fail("more than one error: %q", refusal.text)
	case !strings.Contains(refusal.text, tr.name) || !strings.Contains(refusal.text, tr.attack.says):
		tr.fail("the error is %q, without %q", refusal.text, tr.attack.says)
	case k.send(neighbour, "/on", 0, false).status != http.StatusOK:
		tr.fail("the config before does not go on")
	}
}

// answers are the statuses that the guest got for a command: the lines "COMMAND … -> STATUS …".
func (k *kit) answers(tr *trial, command string) []string {
	var list []string
	for _, line := range k.gateway.said(tr.name) {
		if rest, ok := strings.CutPrefix(line, "  "+command+" "); ok {
			if i := strings.LastIndex(rest, "-> "); i >= 0 {
				list = append(list, strings.TrimSpace(rest[i+3:]))
			}
		}
	}
	return list
}

// answered waits until a command has been answered, for the log comes through a pipe.
func (k *kit) answered(tr *trial, command string, want ...string) error {
	var got []string
	err := eventually("the guest's line about "+command, func() bool {
		got = k.answers(tr, command)
		return len(got) > 0
	})
	if err != nil {
		return err
	}
	for _, line := range got {
		if status, _, _ := strings.Cut(line, " "); !slices.Contains(want, status) {
			return errors.New(command + " answered " + line + ", want " + strings.Join(want, " or "))
		}
	}
	return nil
}
