package admin_test

import (
	"context"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/loom-gateway/loom/modules/middleware/metrics"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
	_ "github.com/loom-gateway/loom/modules/router"
)

const screenshot = "../../docs/status-page.png"

// browser finds Chromium; without one the test is not run, and with CI it fails.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("chromium is missing: .ci/setup installs it")
	}
	t.Skip("not run here: the status page in a browser (chromium is missing)")
	return ""
}

// live is a gateway with traffic: one endpoint answers, one is down behind a circuit breaker, a plugin fails, another is
// disabled.
func live(t *testing.T) *moduletest.Caddy {
	t.Helper()
	var n atomic.Int64
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Duration(n.Add(1)%5) * time.Millisecond)
		_, _ = w.Write([]byte("hello"))
	}))
	t.Cleanup(backend.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	address := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	probe, err := filepath.Abs("../../plugins/probe/probe.wasm")
	if err != nil {
		t.Fatal(err)
	}
	loom := `{"upstreams": {
			"users": {"load_balancer": "least_conn", "endpoints": [{"address": "` + address(backend) + `", "weight": 3}, {"address": "` + address(closed) + `"}],
				"circuit_breaker": {"failure_threshold": 2, "timeout": "10m"}},
			"orders": {"endpoints": [{"address": "` + address(backend) + `"}], "health_check": {"path": "/health"}}},
		"plugins": {
			"rate-limit": {"bundled": "rate-limit", "instances": 2, "priority": 10, "config": "{\"requests_per_second\": 100000}"},
			"audit": {"path": ` + moduletest.Quote(probe) + `, "instances": 2, "failure_policy": "open", "circuit_breaker": {"failure_threshold": 1, "timeout": "10m", "max_timeout": "10m"},
				"config": "request_headers: trap"},
			"old-auth": {"path": ` + moduletest.Quote(probe) + `, "instances": 1}}}`
	route := func(id, path, more, upstream string) string {
		return `{"id": "` + id + `", "paths": ["` + path + `"], ` + more + ` {"handler": "loom_proxy", "upstream": "` + upstream + `", "timeout": "30s"}]}`
	}
	return moduletest.Provision(t, `{"apps": {"loom": `+loom+`, "http": {"servers": {
		"admin": {"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true}, "routes": [{"handle": [{"handler": "loom_admin"}]}]},
		"gateway": {"listen": ["127.0.0.2:0"], "automatic_https": {"disable": true}, "routes": [{"handle": [{"handler": "loom_router", "routes": [`+
		route("users", "/users/{id}", `"methods": ["GET"], "handle": [{"handler": "loom_wasm", "plugins": [{"name": "rate-limit"}]},`, "users")+`,`+
		route("orders", "/orders/*", `"methods": ["GET", "POST"], "handle": [{"handler": "loom_wasm", "plugins": [{"name": "audit"}, {"name": "rate-limit"}]},`, "orders")+`,`+
		route("legacy", "/legacy/*", `"hosts": ["shop.example.com"], "headers": {"x-version": "1"}, "handle": [`, "orders")+
		`]}]}]}}}}}`).Start()
}

// traffic sends requests until the test ends.
func traffic(t *testing.T, c *moduletest.Caddy) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			path := []string{"/users/1", "/orders/1", "/users/2"}[i%3]
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL("gateway")+path, http.NoBody)
			if err != nil {
				return
			}
			if res, err := http.DefaultClient.Do(r); err == nil {
				_ = res.Body.Close()
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

// chromium runs the browser headless on a page that goes on polling, for some seconds of its own time.
func chromium(t *testing.T, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	common := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--hide-scrollbars",
		"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=7000", "--force-device-scale-factor=1",
	}
	cmd := exec.CommandContext(ctx, path, append(common, args...)...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, problems.String())
	}
	if blocked := regexp.MustCompile(`(?i)Refused to|Content Security Policy|Uncaught`).FindString(problems.String()); blocked != "" {
		t.Errorf("the browser complains: %s", problems.String())
	}
	return string(out)
}

// The page shows in a real browser what the gateway does.
func TestStatusPage(t *testing.T) {
	path := browser(t)
	c := live(t)
	traffic(t, c)
	r := request(http.MethodDelete, "/plugins/old-auth")
	local(r)
	if res, answer := serveAdmin(t, c, r); res.StatusCode != http.StatusOK {
		t.Fatal(answer)
	}
	waitFor(t, "the breakers to open", func() bool {
		_, upstreams := serveAdmin(t, c, request(http.MethodGet, "/upstreams/users"))
		_, audit := serveAdmin(t, c, request(http.MethodGet, "/plugins/audit"))
		return strings.Contains(upstreams, `"circuit_breaker": "open"`) && strings.Contains(audit, `"state": "open"`)
	})
	var missing []string
	for range 3 { // on a busy machine the browser may have looked too early
		dom := chromium(t, path, "--enable-logging=stderr", "--dump-dom", c.URL("admin")+"/")
		if missing = notShown(dom); missing == nil {
			break
		}
		t.Log(dom)
	}
	for _, what := range missing {
		t.Errorf("the page does not show %s", what)
	}
	shoot(t, path, c.URL("admin")+"/")
}

// notShown is what a page of live does not have.
func notShown(dom string) (missing []string) {
	for what, pattern := range map[string]string{
		"the state":             `<p id="state"[^>]*data-state="warn">ready, not all is well</p>`,
		"what is degraded":      `<li>plugin "old-auth" is disabled</li>`,
		"a healthy endpoint":    `(?s)data-upstream="orders">.*?data-endpoint="[^"]+">.*?mark good"><span>healthy</span>`,
		"an open breaker":       `(?s)data-upstream="users">.*?<td><span class="mark bad"><span>out</span></span></td><td><span class="mark bad"><span>open</span>`,
		"a closed breaker":      `(?s)data-upstream="users">.*?<span class="mark good"><span>closed</span>`,
		"the last error":        `connection refused`,
		"requests per second":   `(?s)data-upstream="users">.*?<td class="n">[1-9][0-9.,]*</td>`,
		"a plugin in use":       `(?s)data-plugin="rate-limit">.*?<span>in use</span>`,
		"a plugin's cost":       `(?s)data-plugin="rate-limit">.*?<td class="n">[0-9.]+ (µs|ms)</td><td class="n">[0-9.]+ (µs|ms)</td><td class="n">[0-9.]+ %</td>`,
		"a plugin's breaker":    `(?s)data-plugin="audit">.*?mark bad"><span>open</span>`,
		"a disabled plugin":     `(?s)data-plugin="old-auth">.*?mark warn"><span>disabled</span>`,
		"a route and its order": `(?s)data-route="orders">.*?<td>GET POST</td>.*?<code>/orders/\*</code>.*?<td>rate-limit → audit</td><td>orders</td><td class="n">30 s</td>`,
		"a route's conditions":  `shop\.example\.com/legacy/\*</code><span class="quiet"> with x-version</span>`,
	} {
		if !regexp.MustCompile(pattern).MatchString(dom) {
			missing = append(missing, what+" ("+pattern+")")
		}
	}
	return missing
}

// shoot takes a picture; with -update it is that of the docs.
func shoot(t *testing.T, browser, url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.png")
	chromium(t, browser, "--window-size=1200,860", "--screenshot="+file, url)
	if *update {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(screenshot, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{file, screenshot} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(f)
		info, _ := f.Stat()
		_ = f.Close()
		if err != nil || picture.Bounds().Dx() != 1200 || info.Size() > 200<<10 {
			t.Errorf("%s: %v, %d bytes", path, err, info.Size())
		}
		if colours(picture.At, picture.Bounds().Dx(), picture.Bounds().Dy()) < 20 {
			t.Errorf("%s is blank", path)
		}
	}
}

func colours[C any](at func(x, y int) C, width, height int) int {
	seen := map[string]bool{}
	for x := 0; x < width; x += 3 {
		for y := 0; y < height; y += 3 {
			seen[fmt.Sprint(at(x, y))] = true
		}
	}
	return len(seen)
}

// serveAdmin asks the server `admin` of a started config.
func serveAdmin(t *testing.T, c *moduletest.Caddy, r *http.Request) (*http.Response, string) {
	t.Helper()
	out, err := http.NewRequestWithContext(t.Context(), r.Method, c.URL("admin")+r.URL.RequestURI(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(out)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body strings.Builder
	if _, err := io.Copy(&body, res.Body); err != nil {
		t.Fatal(err)
	}
	document(t).Check(t, r, res, []byte(body.String()))
	return res, body.String()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
