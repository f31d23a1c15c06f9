package portability

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/loom-gateway/loom/internal/guestbuild"
)

// area is a file of scenarios.
type area struct {
	Area      string     `yaml:"area"`
	Scenarios []scenario `yaml:"scenarios"`
}

// scenario is some plugins, what a client sends through them, and what is known to differ.
type scenario struct {
	Name     string            `yaml:"name"`
	Shows    string            `yaml:"shows"`
	Plugins  []guest           `yaml:"plugins"`
	Protocol string            `yaml:"protocol"` // of the client: h1 (default), h2, https (HTTP/2 over TLS), h3
	Upstream string            `yaml:"upstream"` // backend (default; HTTP/1.1), backend-h2, refused
	Answers  map[string]answer `yaml:"answers"`  // of the backend by path; "*" is the rest
	Requests []request         `yaml:"requests"` // default: one GET /
	NoTalk   bool              `yaml:"no_requests"`
	Await    string            `yaml:"await"`         // the guests' log line that is the end; default: each stream's last callback
	Times    int               `yaml:"times"`         // how often it comes; default 1
	Call     string            `yaml:"await_backend"` // path of a call of a plugin's own that is the end
	Mask     []string          `yaml:"mask"`          // expressions; what their group matches is not compared
	Refused  bool              `yaml:"refused"`       // the gateway must not start with these plugins

	differences []difference
}

// guest is a plugin of a scenario. The probe, unless a module is named.
type guest struct {
	Script        string `yaml:"script"`
	Module        string `yaml:"module"` // relative to the repository: a .wasm, or the folder of a plugin in Go
	Config        string `yaml:"config"`
	VMConfig      string `yaml:"vm_config"`
	RootID        string `yaml:"root_id"`
	FailurePolicy string `yaml:"failure_policy"` // reload (default), closed, open
	BodyUnderHead bool   `yaml:"allow_on_headers_stop_iteration"`
	Profile       string `yaml:"profile"` // Loom's setting of that name

	name string
	file string
}

// request is what the client sends.
type request struct {
	Method   string      `yaml:"method"`
	Path     string      `yaml:"path"`
	Headers  [][2]string `yaml:"headers"`
	Body     []string    `yaml:"body"`  // one piece goes with its length, several without
	Size     int         `yaml:"size"`  // a body of so many bytes, instead
	Paced    bool        `yaml:"paced"` // a piece goes when the guest has seen the one before
	Trailers [][2]string `yaml:"trailers"`
	After    string      `yaml:"after"` // the guests' log line to wait for before it is sent
	Until    int         `yaml:"until"` // it is sent until it gets this status; only that answer counts
}

// answer is what the backend answers.
type answer struct {
	Status   int         `yaml:"status"`
	Headers  [][2]string `yaml:"headers"`
	Body     []string    `yaml:"body"`
	Size     int         `yaml:"size"`
	Paced    bool        `yaml:"paced"`
	Trailers [][2]string `yaml:"trailers"`
	Hang     bool        `yaml:"hang"`  // never answers
	Reset    bool        `yaml:"reset"` // breaks the connection instead of an answer
	After    string      `yaml:"after"` // waits for this line of the guests' log
	Times    int         `yaml:"times"` // how often the line must have come; default 1
}

// knowledge is testdata/differences.yaml.
type knowledge struct {
	Reasons     []reason     `yaml:"reasons"`
	Differences []difference `yaml:"differences"`
}

// difference are lines that only one of the gateways gives, and why.
type difference struct {
	Scenario string   `yaml:"scenario"`
	Because  string   `yaml:"because"` // the key of a reason
	Envoy    []string `yaml:"envoy"`
	Loom     []string `yaml:"loom"`
}

// reason is why something differs, in words for the author of a plugin.
type reason struct {
	Key   string `yaml:"key"`
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
}

// readAll reads the scenarios, and what is known to differ in them.
func readAll(t *testing.T) ([]area, []reason) {
	t.Helper()
	areas := readAreas(t)
	var known knowledge
	decode(t, "testdata/differences.yaml", &known)
	for _, d := range known.Differences {
		if !list(areas, d) {
			t.Fatalf("differences.yaml: there is no scenario %q", d.Scenario)
		}
	}
	return areas, known.Reasons
}

func list(areas []area, d difference) bool {
	for i := range areas {
		for j := range areas[i].Scenarios {
			if s := &areas[i].Scenarios[j]; s.Name == d.Scenario {
				s.differences = append(s.differences, d)
				return true
			}
		}
	}
	return false
}

func readAreas(t *testing.T) []area {
	t.Helper()
	paths, err := filepath.Glob("testdata/scenarios/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	areas := make([]area, len(paths))
	seen := map[string]bool{}
	for i, path := range paths {
		decode(t, path, &areas[i])
		for j := range areas[i].Scenarios {
			s := &areas[i].Scenarios[j]
			if err := s.complete(); err != nil || seen[s.Name] {
				t.Fatalf("%s: scenario %q: %v, or its name is taken", path, s.Name, err)
			}
			seen[s.Name] = true
		}
	}
	return areas
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
}

// complete fills in the defaults.
func (s *scenario) complete() error {
	if s.Name == "" || s.Shows == "" || len(s.Plugins) == 0 {
		return fmt.Errorf("name, shows and plugins are needed")
	}
	for i := range s.Plugins {
		s.Plugins[i].name = fmt.Sprintf("%s-%d", s.Name, i+1)
	}
	if s.Protocol == "" {
		s.Protocol = "h1"
	}
	if s.Upstream == "" {
		s.Upstream = "backend"
	}
	if len(s.Requests) == 0 && !s.NoTalk && !s.Refused {
		s.Requests = []request{{}}
	}
	for i := range s.Requests {
		r := &s.Requests[i]
		if r.Path == "" {
			r.Path = "/"
		}
		if r.Method == "" {
			r.Method = "GET"
		}
	}
	for _, m := range slices.Concat(s.Mask, []string{s.Await}) {
		if _, err := regexp.Compile(m); err != nil {
			return err
		}
	}
	return nil
}

// build gives every plugin its file. What is written in Go is compiled, once.
func build(t *testing.T, scenarios []*scenario) {
	t.Helper()
	files := map[string]string{}
	for _, s := range scenarios {
		for i := range s.Plugins {
			g := &s.Plugins[i]
			path := filepath.Join("../..", cmp.Or(g.Module, "plugins/probe/probe.wasm"))
			if files[path] == "" {
				files[path] = moduleFile(t, path)
			}
			g.file = files[path]
		}
	}
}

func moduleFile(t *testing.T, path string) string {
	t.Helper()
	file, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		file = filepath.Join(t.TempDir(), "guest.wasm")
		if err := os.WriteFile(file, guestbuild.Go(t, path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

func (g guest) config() string { return g.Script + g.Config }

// host is the name under which the scenario's plugins are reached.
func (s *scenario) host() string { return s.Name + ".test" }

// base is where the scenario's URLs begin.
func (s *scenario) base() string {
	if s.secure() {
		return "https://" + s.host()
	}
	return "http://" + s.host()
}

func (s *scenario) secure() bool { return s.Protocol == "https" || s.Protocol == "h3" }

// streams is how many streams the probes of the scenario will have seen at the end.
func (s *scenario) streams() int {
	n := 0
	for _, g := range s.Plugins {
		if g.Module == "" {
			n += len(s.Requests)
		}
	}
	return n
}
