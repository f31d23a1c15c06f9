package conformance

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

func foreignFunctions(s *suite) {
	s.check("F-01", 1, "an unknown foreign function is NOT_FOUND, and the plugin goes on", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: foreign nobody x; log 2 \"probe: on\"")}})
		if a := g.do(t, "GET", "/", nil); a.status != 200 {
			t.Errorf("status %d", a.status)
		}
		g.want(t, "  foreign nobody x -> 1", "on")
	})
	s.check("F-02", 2, "compress and uncompress are zlib; corrupt input and bombs are SERIALIZATION_FAILURE", compression)
	s.check("F-03", 2, "clear_route_cache, declare_property and set_envoy_filter_state are OK, and declared properties stay as declared", func(t *testing.T) {
		script := `request_headers: foreign clear_route_cache; foreign set_envoy_filter_state "\x0a\x01k\x12\x01v"; prop filter_state|k; prop k; ` +
			`foreign declare_property "\x0a\x04once\x10\x01"; setprop once 1; setprop once 2; prop once; foreign declare_property "\x0a\x04once"`
		for profile, second := range map[proxywasm.Profile]string{"": "0", proxywasm.ProfileEnvoy: "2"} {
			g := serve(t, setup{plugins: []plugin.Spec{probe(script, func(s *plugin.Spec) { s.Profile = profile })}})
			g.do(t, "GET", "/", nil)
			g.ended(t, 1)
			g.want(t, "  foreign clear_route_cache -> 0", `  foreign set_envoy_filter_state |`, "  setprop once 1 -> 0", "  setprop once 2 -> "+second)
			g.wantText(t, map[string]string{"filter_state|k": "v", "k": "-", "once": "1"})
			statuses := g.statuses("  foreign declare_property ")
			if statuses != "0 2" || g.statuses("  foreign set_envoy_filter_state ") != "0" {
				t.Errorf("declare_property twice: %s", statuses)
			}
		}
	})
	s.check("F-04", 1, "get_log_level answers the level in four bytes", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("request_headers: foreign get_log_level")}})
		g.do(t, "GET", "/", nil)
		g.want(t, `  foreign get_log_level -> 0 "\x00\x00\x00\x00"`)
		quiet := serve(t, setup{level: zapcore.WarnLevel, plugins: []plugin.Spec{probe(`request_headers: foreign get_log_level; log 3 $val`)}})
		quiet.do(t, "GET", "/", nil)
		if n := quiet.logs.FilterMessage(`\x03\x00\x00\x00`).Len(); n != 1 {
			t.Errorf("at level warn: %v", quiet.logs.All())
		}
	})
	s.check("F-05", 3, "functions of the gateway are callable, and may answer later through on_foreign_function and buffer 8", laterAnswers)
	s.check("F-06", 3, "inject_encoded_data_to_filter_chain writes to the client while the plugin holds the response's body", func(t *testing.T) {
		more := make(chan struct{})
		g := serve(t, setup{
			plugins: []plugin.Spec{probe(lines("response_body@eos: return 0", `response_body#1: foreign inject_encoded_data_to_filter_chain "\x0a\x07early: "; return 1`, "response_body: return 1"))},
			backend: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "late")
				_ = http.NewResponseController(w).Flush()
				<-more
			},
		})
		res, err := g.Client().Get(g.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		first := make([]byte, len("early: "))
		if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "early: " {
			t.Errorf("%q, %v", first, err)
		}
		close(more)
		if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "late" {
			t.Errorf("%q, %v", rest, err)
		}
	})
}

// statuses are the answers in the lines that begin so.
func (g *gateway) statuses(prefix string) string {
	var list []string
	for _, line := range g.find(prefix) {
		_, rest, _ := strings.Cut(line, " -> ")
		status, _, _ := strings.Cut(rest, " ")
		list = append(list, status)
	}
	return strings.Join(list, " ")
}

func compression(t *testing.T) {
	g := serve(t, setup{plugins: []plugin.Spec{probe(`request_headers: foreign compress "text of the guest"; foreign uncompress $val; foreign uncompress nonsense`)}})
	g.do(t, "GET", "/", nil)
	g.want(t, `  foreign compress text of the guest -> 0 "x\x9c`)
	if got := g.find("  foreign uncompress "); len(got) != 2 || !strings.HasSuffix(got[0], `-> 0 "text of the guest"`) || !strings.HasSuffix(got[1], `-> 3 ""`) {
		t.Errorf("uncompress: %q", got)
	}
	var bomb bytes.Buffer
	w := zlib.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 64<<20))
	_ = w.Close()
	g = serve(t, setup{plugins: []plugin.Spec{probe("request_body: buf 0 0 100000; foreign uncompress $val")}})
	g.do(t, "POST", "/", unsized(bomb.String()[:8000]))
	g.do(t, "POST", "/", &bomb)
	if got := g.statuses("  foreign uncompress "); strings.Trim(got, " 3") != "" || got == "" {
		t.Errorf("a bomb: %q", got)
	}
}

// laterAnswers: a function answers at once and once more when the callback has returned.
func laterAnswers(t *testing.T) {
	calls := make(chan proxywasm.ForeignCall, 10)
	functions := func(plugin string, c proxywasm.ForeignCall) ([]byte, abi.Status) {
		if c.Name != "ask" {
			return nil, abi.StatusNotFound
		}
		c.Answer(7, []byte("from within")) // it must not be entered now
		calls <- c
		return []byte(plugin + " asked " + string(c.Args)), abi.StatusOK
	}
	g := serve(t, setup{foreign: functions, plugins: []plugin.Spec{probe(lines(
		`request_headers: foreign ask "the way"; foreign other; effective $root`, "foreign_function: buf 8 0 100"))}})
	g.do(t, "GET", "/", nil)
	g.want(t, `  foreign ask the way -> 0 "probe asked the way"`, "  foreign other -> 1")
	(<-calls).Answer(9, []byte("later"))
	g.await(t, 2, "  buf 8 0 -> 0")
	g.want(t, `  buf 8 0 -> 0 "from within"`, `  buf 8 0 -> 0 "later"`, "> foreign_function ctx=1 7 11", "> foreign_function ctx=1 9 5")
	inside := false
	for _, line := range g.log() { // nothing of the answer stands between the lines of the callback that asked
		switch {
		case strings.HasPrefix(line, "  foreign ask"):
			inside = true
		case strings.HasPrefix(line, "  effective"):
			inside = false
		case inside && strings.HasPrefix(line, "> "):
			t.Errorf("the guest was entered from its own call: %q", line)
		}
	}
	t.Run("expressions", expressions)
}

// expressions: CEL over the attributes of the stream, by expr_create, expr_evaluate and expr_delete.
func expressions(t *testing.T) {
	token := func(n int) string { return fmt.Sprintf(`"\x%02x\x00\x00\x00"`, n) }
	script := `request_headers: foreign expr_create "request.path.startsWith('/a')"; foreign expr_create "request.headers['x-a'] + '!'"; foreign expr_create "nonsense(";` +
		` foreign expr_evaluate ` + token(1) + `; foreign expr_evaluate ` + token(2) + `; foreign expr_delete ` + token(1) + `; foreign expr_evaluate ` + token(1) + `; foreign expr_evaluate x`
	g := serve(t, setup{plugins: []plugin.Spec{probe(script)}})
	g.do(t, "GET", "/abc", nil, "X-A", "1")
	if got := g.statuses("  foreign expr_create "); got != "0 0 2" {
		t.Errorf("expr_create: %s", got)
	}
	var values []string
	for _, line := range g.find("  foreign expr_evaluate ") {
		_, rest, _ := strings.Cut(line, " -> ")
		status, quoted, _ := strings.Cut(rest, " ")
		value, _ := strconv.Unquote(quoted)
		values = append(values, status+value)
	}
	if got := strings.Join(values, " "); got != "0\x01 01! 1 2" {
		t.Errorf("expr_evaluate: %q", got)
	}
}
