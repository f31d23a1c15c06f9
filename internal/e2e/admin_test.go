package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/openapicheck"
)

const adminPage = "../../docs/admin-api.md"

// adminGateway runs the document of docs/admin-api.md.
type adminGateway struct {
	*process
	folder, port, admin string
	env                 []string
	here                *strings.Replacer
	api                 *openapicheck.Document
}

func startAdminGateway(t *testing.T) *adminGateway {
	t.Helper()
	g := &adminGateway{folder: t.TempDir(), port: freeport.Port(t), admin: freeport.Port(t)}
	g.here = strings.NewReplacer("localhost:9091", "127.0.0.1:"+g.admin, ":8080", ":"+g.port, "localhost:3000", backend(t), "loom ", loom+" ")
	write(t, filepath.Join(g.folder, "loom.yaml"), g.here.Replace(guestbuild.DocsFile(t, adminPage, "The API", "loom.yaml")))
	g.env = environment(t, "LOOM_ADMIN_TOKEN=0123456789abcdef-only-for-tests", "LOOM_ADMIN=")
	g.api = openapicheck.Parse(t, []byte(read(t, "../../docs/openapi.yaml")))
	g.process = start(t, g.folder, g.env, g.port, "-config", "loom.yaml")
	return g
}

// ask asks the admin API; what it answers must be as the document says.
func (g *adminGateway) ask(t *testing.T, method, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:"+g.admin+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	g.api.Check(t, r, res, body)
	return res.StatusCode, string(body)
}

func (g *adminGateway) script(t *testing.T, section, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", g.here.Replace(guestbuild.DocsFile(t, adminPage, section, name)))
	cmd.Env, cmd.Dir = g.env, g.folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return string(out)
}

func wantIn(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: no %q in\n%s", what, part, text)
		}
	}
}

// The scripts of docs/admin-api.md do what the page says.
func TestDocsAdmin(t *testing.T) {
	t.Parallel()
	g := startAdminGateway(t)
	check(t, "http://127.0.0.1:"+g.port, "GET /limited/x -> 200")
	wantIn(t, "ask.sh", g.script(t, "The API", "ask.sh"), `"status": "ready"`, `"handler": "loom_proxy"`, `"timeout_seconds": 30`,
		`"load_balancer": "round_robin"`, `"p99_seconds"`, `"abi_version": "0.2.1"`, `"on_request_headers": {`, `loom_plugin_disabled{plugin="rate-limit"} 0`)
	wantIn(t, "look.sh", g.script(t, "In the terminal", "look.sh"), "ROUTE    METHODS  MATCH", "limited  all", "UPSTREAM  ENDPOINT",
		"PLUGIN      VERSION", "REQ/S", `"plugins": [`, `"status": "ready"`)
	wantIn(t, "disable.sh", g.script(t, "Taking a plugin out of service", "disable.sh"), `"status": 409`, "the routes limited have it: add ?force=true", `"persistent": false`)
	check(t, "http://127.0.0.1:"+g.port, "GET /limited/x -> 503\nGET /hello -> 200 | hello")
	wantIn(t, "token.sh", g.script(t, "Who may do what", "token.sh"), `"disabled": true`)
	if out, status := run(t, g.folder, g.env, "reload", "--force", "--config", "loom.yaml"); status != 0 {
		t.Fatal(out)
	}
	check(t, "http://127.0.0.1:"+g.port, "GET /limited/x -> 200")
}

// A configuration that is refused does not touch the API, which goes on showing the one that runs.
func TestAdminOutlivesARefusedReload(t *testing.T) {
	t.Parallel()
	g := startAdminGateway(t)
	_, routes := g.ask(t, "GET", "/routes")
	_, before := g.ask(t, "GET", "/info")
	wantIn(t, "/info", before, `"loom": "`+loomVersion+`"`, `"caddy": "v2.11.9"`)
	good := read(t, filepath.Join(g.folder, "loom.yaml"))
	for name, broken := range map[string]string{
		"an unknown upstream":     strings.Replace(good, "upstream: backend", "upstream: nowhere", 1),
		"a port that is in use":   strings.Replace(good, ":"+g.port, "192.0.2.1:"+g.port, 1),
		"a plugin that is no one": strings.Replace(good, "upstreams:", "plugins: [{name: x, path: loom.yaml}]\nupstreams:", 1),
	} {
		write(t, filepath.Join(g.folder, "broken.yaml"), broken)
		if out, status := run(t, g.folder, g.env, "reload", "--config", "broken.yaml"); status == 0 {
			t.Fatalf("%s was taken:\n%s", name, out)
		}
		if status, _ := g.ask(t, "GET", "/health"); status != 200 {
			t.Errorf("%s: /health %d", name, status)
		}
		if status, text := g.ask(t, "GET", "/ready"); status != 200 {
			t.Errorf("%s: /ready %d %s", name, status, text)
		}
		if _, after := g.ask(t, "GET", "/routes"); after != routes {
			t.Errorf("%s: the routes are\n%s\nand were\n%s", name, after, routes)
		}
	}
	// Caddy itself is asked for what only it sees: JSON that is no configuration.
	res, err := http.Post("http://"+caddyAdmin(g.env)+"/load", "application/json", strings.NewReader(`{"apps": {"http": {"servers": 1}}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	_, after := g.ask(t, "GET", "/info")
	if res.StatusCode != 400 || digest(t, after) != digest(t, before) {
		t.Errorf("/load answers %d, /info\n%s\nand was\n%s", res.StatusCode, after, before)
	}
}

// The digest is the same for the same configuration in another form, and another for another.
func TestConfigDigest(t *testing.T) {
	t.Parallel()
	g := startAdminGateway(t)
	_, before := g.ask(t, "GET", "/info")
	good := read(t, filepath.Join(g.folder, "loom.yaml"))
	for text, same := range map[string]bool{"# a comment\n" + good: true, strings.Replace(good, "timeout: 30s", "timeout: 31s", 1): false} {
		write(t, filepath.Join(g.folder, "loom.yaml"), text)
		if out, status := run(t, g.folder, g.env, "reload", "--force", "--config", "loom.yaml"); status != 0 {
			t.Fatal(out)
		}
		if _, after := g.ask(t, "GET", "/info"); (digest(t, after) == digest(t, before)) != same || !strings.Contains(after, `"successful": true`) {
			t.Errorf("same %v:\n%s\n%s", same, before, after)
		}
	}
}

func digest(t *testing.T, info string) string {
	t.Helper()
	var i struct{ Config struct{ Digest string } }
	if err := json.Unmarshal([]byte(info), &i); err != nil || len(i.Config.Digest) != 64 {
		t.Fatalf("%v in %s", err, info)
	}
	return i.Config.Digest
}

func caddyAdmin(env []string) string {
	for _, v := range env {
		if address, ok := strings.CutPrefix(v, "CADDY_ADMIN="); ok {
			return address
		}
	}
	return ""
}

// From the order to end until the listeners close, requests are taken and /ready says to send no more.
func TestUnreadyWhileDraining(t *testing.T) {
	t.Parallel()
	g := startAdminGateway(t)
	write(t, filepath.Join(g.folder, "loom.yaml"), strings.Replace(read(t, filepath.Join(g.folder, "loom.yaml")), "delay: 1s", "delay: 15s", 1))
	if out, status := run(t, g.folder, g.env, "reload", "--config", "loom.yaml"); status != 0 {
		t.Fatal(out)
	}
	if status, text := g.ask(t, "GET", "/ready"); status != 200 {
		t.Fatalf("before: %d %s", status, text)
	}
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		status, text := g.ask(t, "GET", "/ready")
		if status == 503 && strings.Contains(text, "the gateway is shutting down") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %d %s", status, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
	check(t, "http://127.0.0.1:"+g.port, "GET /hello -> 200 | hello")
	if status, _ := g.ask(t, "GET", "/health"); status != 200 {
		t.Errorf("/health %d", status)
	}
	_ = g.cmd.Process.Signal(os.Kill)
}

// Without a gateway the commands say what to do.
func TestAdminCommandsWithoutAGateway(t *testing.T) {
	t.Parallel()
	env := environment(t, "LOOM_ADMIN="+freeport.Address(t))
	for _, name := range []string{"routes", "upstreams", "plugins", "top"} {
		if out, status := run(t, t.TempDir(), env, name); status != 1 || !strings.Contains(out, "is the gateway running, with `admin` enabled") {
			t.Errorf("%s: %d %s", name, status, out)
		}
	}
}
