package portability

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
)

// A plugin that cannot start keeps Envoy from starting, and `loom validate` from being content.

func envoyRefuses(t *testing.T, path string, s *scenario) []string {
	t.Helper()
	p := envoyProcess(t, path, []object{envoyListener(s, certificate{})}, newBackend(t).address())
	p.parse = func(_ int, line string) (guestLine, bool) { return parseEnvoy(line) }
	p.start(t)
	g := gateway{process: p, addresses: map[string]string{}}
	for !p.ended() {
		if g.askListeners(filepath.Join(p.cmd.Dir, "admin")) {
			return refusal(p, s, false)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return refusal(p, s, true)
}

func loomRefuses(t *testing.T, path string, s *scenario) []string {
	t.Helper()
	dir := loomFolder(t, [2]string{freeport.Address(t), freeport.Address(t)}, newBackend(t).address(), []*scenario{s})
	p := loomProcess(t, path, dir, "validate", "--config", "loom.yaml")
	p.start(t)
	select {
	case <-p.end:
	case <-time.After(patience):
		t.Fatalf("loom validate does not end:\n%s", p.tail())
	}
	return refusal(p, s, p.cmd.ProcessState.ExitCode() != 0)
}

// refusal is what became of the configuration, and what the first instance logged: Envoy starts several.
func refusal(p *process, s *scenario, refused bool) []string {
	lines := []string{"gateway: takes the configuration"}
	if refused {
		lines = []string{"gateway: refuses the configuration"}
	}
	for i, l := range guestLines(s, p.said(s.Plugins)) {
		if i > 0 && strings.HasPrefix(l, "> context_create") {
			break
		}
		lines = append(lines, "guest: "+l)
	}
	if *only != "" {
		lines = append(lines, p.tail())
	}
	return lines
}
