package recovery_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/middleware/recovery"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/router"
)

func init() { caddy.RegisterModule(panicker{}) }

// panicker panics as the path says.
type panicker struct{}

func (panicker) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.panicker", New: func() caddy.Module { return new(panicker) }}
}

func (panicker) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	switch r.URL.Path {
	case "/before":
		panic("secret of the handler " + strings.Repeat("x", 1<<20))
	case "/error":
		panic(errors.New("line\nbreak"))
	case "/deep":
		deep(1000)
	case "/within":
		fmt.Fprint(w, "half of it")
		_ = http.NewResponseController(w).Flush()
		panic("in the middle")
	case "/abort":
		panic(http.ErrAbortHandler)
	}
	_, err := io.WriteString(w, "well")
	return err
}

func deep(n int) {
	if n == 0 {
		panic("deep")
	}
	deep(n - 1)
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP(`{}`, `{"handler":"loom_router","middleware":[{"handler":"loom_recovery"}],
		"routes":[{"id":"broken","handle":[{"handler":"panicker"}]}]}`)).Start()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]struct {
		status int // 0: the connection breaks off
		body   string
	}{
		"/before": {500, ""}, "/error": {500, ""}, "/deep": {500, ""}, "/": {200, "well"}, "/within": {0, ""}, "/abort": {0, ""},
	} {
		status, body := 0, ""
		if res, err := client.Get(c.URL("") + path); err == nil {
			data, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err == nil {
				status, body = res.StatusCode, string(data)
			}
		}
		if status != want.status || body != want.body {
			t.Errorf("%s: %d %.100q, want %d %q", path, status, body, want.status, want.body)
		}
	}
	ctx := c.Context()
	want := "# HELP loom_panics_total Panics of handlers that were recovered.\n# TYPE loom_panics_total counter\nloom_panics_total 4\n"
	if err := testutil.GatherAndCompare(ctx.GetMetricsRegistry(), strings.NewReader(want), "loom_panics_total"); err != nil {
		t.Error(err)
	}
	checkLog(t, c.Logs())
}

// checkLog looks for one bounded line for each panic, with its stack.
func checkLog(t *testing.T, logs string) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(logs) {
		if !strings.Contains(line, `"a handler panicked"`) {
			continue
		}
		lines++
		if !strings.Contains(line, `"route":"broken"`) || !strings.Contains(line, "panicker") || len(line) > 64<<10 {
			t.Errorf("a line of %d bytes: %.300s", len(line), line)
		}
	}
	if lines != 4 {
		t.Errorf("%d lines about panics, want 4", lines)
	}
}
