package portability

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var (
	update = flag.Bool("update", false, "write docs/portability.md")
	only   = flag.String("only", "", "run the scenarios whose name has this in it, and print what was seen")
)

// TestPortability runs every scenario through both gateways. What differs must be listed in it with a reason.
func TestPortability(t *testing.T) {
	envoy := envoyPath()
	switch {
	case envoy == "" && os.Getenv("CI") == "true":
		t.Fatal("there is no Envoy: .ci/setup installs it")
	case envoy == "":
		t.Skip("not run here: the comparison with Envoy (make setup installs it)")
	}
	loom := buildLoom(t)
	areas, reasons := readAll(t)
	together, alone := pick(areas)
	all := append(together, barrierScenario())
	build(t, slices.Concat(all, alone))
	t.Run("running", func(t *testing.T) {
		gateways := [2]*gateway{newEnvoy(t, envoy, all), newLoom(t, loom, all)}
		for _, s := range together {
			t.Run(s.Name, func(t *testing.T) { compareRuns(t, s, gateways) })
		}
	})
	t.Run("starting", func(t *testing.T) {
		for _, s := range alone {
			t.Run(s.Name, func(t *testing.T) { compare(t, s, envoyRefuses(t, envoy, s), loomRefuses(t, loom, s)) })
		}
	})
	checkPage(t, report(t, areas, reasons))
}

// checkPage compares the page with the one that is committed, or writes it.
func checkPage(t *testing.T, page string) {
	t.Helper()
	const path = "../../docs/portability.md"
	switch committed, _ := os.ReadFile(path); {
	case *only != "" || t.Failed():
	case *update:
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	case string(committed) != page:
		t.Error("docs/portability.md is not what was found: make portability writes it")
	}
}

// pick returns the scenarios that share the gateways, and those whose gateways do not start.
func pick(areas []area) (together, alone []*scenario) {
	for _, a := range areas {
		for i := range a.Scenarios {
			s := &a.Scenarios[i]
			switch {
			case !strings.Contains(s.Name, *only):
			case s.Refused:
				alone = append(alone, s)
			default:
				together = append(together, s)
			}
		}
	}
	return together, alone
}

func buildLoom(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loom")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/loom").CombinedOutput(); err != nil {
		t.Fatalf("building Loom: %v\n%s", err, out)
	}
	return path
}

func compareRuns(t *testing.T, s *scenario, gateways [2]*gateway) {
	t.Helper()
	var saw [2][]string
	var both sync.WaitGroup
	for i, g := range gateways {
		both.Go(func() { saw[i] = g.run(s) })
	}
	both.Wait()
	compare(t, s, saw[0], saw[1])
}

func compare(t *testing.T, s *scenario, envoy, loom []string) {
	t.Helper()
	if *only != "" {
		t.Logf("Envoy:\n%s\n\nLoom:\n%s", strings.Join(envoy, "\n"), strings.Join(loom, "\n"))
	}
	if lines := s.unlisted(envoy, loom); len(lines) > 0 {
		t.Errorf("%s: %s\n%s", s.Name, s.Shows, strings.Join(lines, "\n"))
	}
}
