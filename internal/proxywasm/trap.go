package proxywasm

import (
	"errors"
	"fmt"
	"strings"
)

// ErrOverdue is the reason of an instance whose guest code ran longer than its limit.
var ErrOverdue = errors.New("the plugin ran longer than its limit and was stopped")

// exitError is how proc_exit leaves the guest.
type exitError uint32

func (c exitError) Error() string { return fmt.Sprintf("the plugin called proc_exit(%d)", uint32(c)) }

// trap is what ended guest code, in one line: wazero gives several.
type trap struct {
	text string
	err  error
}

func (t *trap) Error() string { return t.text }
func (t *trap) Unwrap() error { return t.err }

// explainTrap puts the guest's stack behind the reason, innermost function first.
func (m *Module) explainTrap(err error) error {
	reason, stack, found := strings.Cut(err.Error(), "\nwasm stack trace:\n")
	reason = strings.TrimSuffix(reason, " (recovered by wazero)")
	if code := exitError(0); !found || errors.As(err, &code) {
		return &trap{reason, err}
	}
	var frames []string
	for line := range strings.Lines(stack) {
		if line = m.ownFrame(strings.TrimSpace(line)); line != "" {
			frames = append(frames, line)
		}
	}
	return &trap{reason + " (in " + strings.Join(frames, ", called by ") + ")", err}
}

// explainInstantiate adds what to do to errors of linking that are known only here, and takes a trap of the start section
// for what it is.
func (m *Module) explainInstantiate(err error) error {
	if text := err.Error(); strings.Contains(text, "not instantiated") || strings.Contains(text, "is not exported in module") {
		return fmt.Errorf("%w: the module imports a table or a variable, which Proxy-Wasm does not have, link it without dynamic linking", err)
	}
	return m.explainTrap(err)
}

// explainStart adds what a trap in the first callbacks usually comes from.
func (in *Instance) explainStart(err error) error {
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrOverdue) || len(startFunctions(in.module.info.Exports)) > 0 {
		return err
	}
	return fmt.Errorf("%w: the module exports no _initialize, so what it sets up before it is called never ran; build it as a "+
		"library (-mexec-model=reactor in C), or export _initialize", err)
}
