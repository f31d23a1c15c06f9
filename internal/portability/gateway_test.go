package portability

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// gateway is a running Loom or Envoy with all scenarios in it.
type gateway struct {
	name      string
	process   *process
	backend   *backend
	addresses map[string]string // by scenario
	barriers  int
}

// waitReady waits until every probe is configured.
func (g *gateway) waitReady(t *testing.T, scenarios []*scenario) {
	t.Helper()
	for _, s := range scenarios {
		for _, p := range s.Plugins {
			if p.Module != "" {
				continue
			}
			if err := g.process.await([]guest{p}, count("> configure", 1)); err != nil {
				t.Fatalf("%s: plugin %s: %v\n%s", g.name, p.name, err, g.process.tail())
			}
		}
	}
}

// count is satisfied when an expression has matched n lines.
func count(expr string, n int) func([]guestLine) bool {
	re := regexp.MustCompile(expr)
	return func(lines []guestLine) bool {
		found := 0
		for _, l := range lines {
			if re.MatchString(l.text) {
				found++
			}
		}
		return found >= n
	}
}

// run sends the scenario's requests and returns what everybody saw.
func (g *gateway) run(s *scenario) []string {
	wait := func(expr string, times int) { _ = g.process.await(s.Plugins, count(expr, times)) }
	pace := func(piece int) { wait("> request_body ", piece) }
	g.backend.begin(s, wait)
	rt := newClient(s.Protocol, g.addresses[s.Name])
	defer rt.CloseIdleConnections()
	var client []string
	for i, r := range s.Requests {
		if r.After != "" {
			_ = g.process.await(s.Plugins, count(r.After, 1))
		}
		for _, line := range r.sendUntil(rt, s.base(), pace) {
			client = append(client, fmt.Sprintf("client %d: %s", i+1, line))
		}
	}
	lines := append(client, g.finish(s)...)
	return mask(s, lines)
}

// barrier sends a request past another plugin: when that one's last callback is in the log, so is what came before.
func (g *gateway) barrier() {
	s := barrierScenario()
	rt := newClient(s.Protocol, g.addresses[s.Name])
	defer rt.CloseIdleConnections()
	g.barriers++
	request{Method: "GET", Path: "/"}.send(rt, s.base(), nil)
	_ = g.process.await(s.Plugins, count("> delete", g.barriers))
}

func barrierScenario() *scenario {
	s := &scenario{Name: "barrier", Shows: "the end of another", Plugins: []guest{{}}, Upstream: "refused"}
	if err := s.complete(); err != nil {
		panic(err)
	}
	return s
}

// finish waits for the scenario's last callback.
func (g *gateway) finish(s *scenario) []string {
	ready := count("probe: > delete", s.streams())
	switch {
	case s.Await == "nothing":
		ready = func([]guestLine) bool { return true }
	case s.Await != "":
		ready = count(s.Await, max(s.Times, 1))
	}
	err := g.process.await(s.Plugins, ready)
	if s.Call != "" && !g.backend.await(s.Call) {
		err = errors.New("the plugin's call did not come")
	}
	g.barrier()
	var lines []string
	for _, l := range g.backend.saw() {
		lines = append(lines, "backend: "+l)
	}
	for _, l := range guestLines(s, g.process.said(s.Plugins)) {
		lines = append(lines, "guest: "+l)
	}
	if err != nil {
		lines = append(lines, "end: "+strings.ReplaceAll(err.Error(), g.process.cmd.Path, g.name))
	}
	return lines
}
