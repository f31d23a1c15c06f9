package datapath

import (
	"encoding/xml"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/freeport"
	"github.com/loom-gateway/loom/modules/moduletest"
)

// TestH2spec runs h2spec's cases through a plugin to a backend: Loom may fail no case that stock Caddy passes.
func TestH2spec(t *testing.T) {
	t.Parallel()
	tool := h2spec(t)
	backend := echoBackend(t)
	loom, stock := start(t, throughAPlugin+upstream([]string{backend})), stockCaddy(t, backend)
	for _, secure := range []bool{true, false} {
		address := func(g *gateway) string {
			if secure {
				return g.secure
			}
			return g.plain
		}
		t.Run(map[bool]string{true: "h2", false: "h2c"}[secure], func(t *testing.T) {
			t.Parallel()
			ran, failed := tool.run(t, address(loom), secure)
			_, failedByStock := tool.run(t, address(stock), secure)
			if ran < 100 {
				t.Fatalf("only %d cases were run", ran)
			}
			for _, c := range failed {
				// A case waits for 2s, and the machine may be busy: it has to fail again.
				if !slices.Contains(failedByStock, c) && !tool.passes(t, address(loom), secure, c) {
					t.Errorf("%s fails, and stock Caddy passes it", c)
				}
			}
			t.Logf("%d of %d cases pass; these do not: %q", ran-len(failed), ran, failed)
		})
	}
}

// stockCaddy is Caddy's own proxy on the same listeners.
func stockCaddy(t *testing.T, backend string) *gateway {
	t.Helper()
	cert := newCertificate(t)
	g := &gateway{plain: freeport.Address(t), secure: freeport.Address(t)}
	route := `"automatic_https": {"disable": true},
		"routes": [{"handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": "` + backend + `"}]}]}]`
	g.Caddy = moduletest.Provision(t, `{"apps": {
		"tls": {"disable_storage_clean": true, "certificates": {"load_files": [{"certificate": "`+cert.chain+`", "key": "`+cert.key+`"}]}},
		"http": {"servers": {
			"plain": {"listen": ["`+g.plain+`"], "protocols": ["h1", "h2c"], `+route+`},
			"secure": {"listen": ["`+g.secure+`"], "protocols": ["h1", "h2"], "tls_connection_policies": [{}], `+route+`}
		}}
	}}`).Start()
	return g
}

// h2specTool is the program.
type h2specTool string

func h2spec(t *testing.T) h2specTool {
	t.Helper()
	program := filepath.Join(t.TempDir(), "h2spec")
	build := exec.Command("go", "build", "-modfile=.ci/tools/go.mod", "-o", program, "github.com/summerwind/h2spec/cmd/h2spec")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		skip(t, "h2spec ("+strings.TrimSpace(string(out))+")")
	}
	return h2specTool(program)
}

// run runs all cases, or some, and returns those that failed: the section with the number of the case.
func (tool h2specTool) run(t *testing.T, address string, secure bool, cases ...string) (ran int, failed []string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "junit.xml")
	args := []string{"--host", host, "--port", port, "--junit-report", report}
	if secure {
		args = append(args, "--tls", "--insecure")
	}
	out, _ := exec.Command(string(tool), slices.Concat(cases, args)...).CombinedOutput() // the status says that some case failed
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var suites struct {
		Suites []struct {
			Package string `xml:"package,attr"`
			Cases   []struct {
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	for _, s := range suites.Suites {
		for i, c := range s.Cases {
			ran++
			if c.Failure != nil || c.Error != nil {
				failed = append(failed, s.Package+"/"+itoa(i+1))
			}
		}
	}
	return ran, failed
}

// passes runs one case up to three times.
func (tool h2specTool) passes(t *testing.T, address string, secure bool, name string) bool {
	t.Helper()
	for range 3 {
		if ran, failed := tool.run(t, address, secure, name); ran > 0 && len(failed) == 0 {
			return true
		}
	}
	return false
}
