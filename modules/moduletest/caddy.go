package moduletest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/logging" // the file writer and the JSON encoder of the log
)

// Caddy is one provisioned config.
type Caddy struct {
	t       testing.TB
	ctx     caddy.Context
	cancel  func()
	apps    map[string]caddy.App
	logs    string
	started []caddy.App
	once    sync.Once
}

// provisioning takes turns: Caddy swaps its default logger and storage while it provisions.
var provisioning sync.Mutex //nolint:gochecknoglobals // guards globals of Caddy

// Provision loads a whole config from JSON. The test fails at once when the config is refused.
func Provision(t testing.TB, config string) *Caddy {
	t.Helper()
	c, err := TryProvision(t, config)
	if err != nil {
		t.Fatalf("provisioning: %v\nconfig: %s", err, config)
	}
	return c
}

// TryProvision is Provision for configs that may be refused. What a refused config had taken is released.
func TryProvision(t testing.TB, config string) (*Caddy, error) {
	t.Helper()
	logs := logFile(t)
	cfg, err := decode(config, logs)
	if err != nil {
		return nil, err
	}
	provisioning.Lock()
	defer provisioning.Unlock()
	c, err := provision(cfg)
	if err != nil {
		return nil, err
	}
	c.t, c.logs = t, logs
	t.Cleanup(c.Close)
	return c, nil
}

// logFile is not in t.TempDir, whose name has the test's: Caddy would read braces in it as placeholders.
func logFile(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "moduletest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "caddy.log")
}

// decode reads a config and sends its log to a file, from debug level on, unless it has a log of its own.
func decode(config, logs string) (*caddy.Config, error) {
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON([]byte(config), cfg); err != nil {
		return nil, fmt.Errorf("decoding the config: %w", err)
	}
	if cfg.Logging != nil {
		return cfg, nil
	}
	log := caddy.CustomLog{}
	log.Level = "DEBUG"
	log.WriterRaw = json.RawMessage(`{"output": "file", "roll": false, "filename": ` + Quote(logs) + `}`)
	log.EncoderRaw = json.RawMessage(`{"format": "json"}`)
	cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": &log}}
	return cfg, nil
}

// provision loads the apps into a context of their own: the one that Caddy makes cannot be canceled from outside.
func provision(cfg *caddy.Config) (*Caddy, error) {
	raw := cfg.AppsRaw
	cfg.AppsRaw = nil
	base, err := caddy.ProvisionContext(cfg)
	if err != nil {
		return nil, err
	}
	cfg.AppsRaw = raw
	c := &Caddy{apps: make(map[string]caddy.App, len(raw))}
	c.ctx, c.cancel = caddy.NewContext(base)
	for name := range raw {
		app, err := c.ctx.App(name)
		if err != nil {
			c.cancel()
			return nil, err
		}
		c.apps[name] = app.(caddy.App)
	}
	return c, nil
}

// Context of the config, to load further modules with.
func (c *Caddy) Context() caddy.Context { return c.ctx }

// App is the provisioned app; the test fails when the config has none of that name.
func (c *Caddy) App(name string) caddy.App {
	c.t.Helper()
	app, ok := c.apps[name]
	if !ok {
		c.t.Fatalf("the config has no app %q", name)
	}
	return app
}

// Serve runs a request through the first server by name, as Caddy would after its listener, and returns the answer.
func (c *Caddy) Serve(r *http.Request) *http.Response {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.server("").ServeHTTP(w, r)
	return w.Result()
}

// Start starts the apps: servers listen from now on. `loom` starts first, `http` last.
func (c *Caddy) Start() *Caddy {
	c.t.Helper()
	for _, name := range c.startOrder() {
		if err := c.apps[name].Start(); err != nil {
			c.t.Fatalf("starting %s: %v", name, err)
		}
		c.started = append(c.started, c.apps[name])
	}
	if events, err := c.ctx.AppIfConfigured("events"); err == nil { // as Caddy tells them
		events.(*caddyevents.App).Emit(c.ctx, "started", nil)
	}
	return c
}

func (c *Caddy) startOrder() []string {
	names := slices.Sorted(maps.Keys(c.apps))
	slices.SortStableFunc(names, func(a, b string) int { return startRank(a) - startRank(b) })
	return names
}

func startRank(app string) int {
	switch app {
	case "loom":
		return 0
	case "http":
		return 2
	}
	return 1
}

// Addr is the address of the first listener of a started server; an empty name stands for the first server.
func (c *Caddy) Addr(server string) string {
	c.t.Helper()
	listeners := c.server(server).Listeners()
	if len(listeners) == 0 {
		c.t.Fatal("the server has no listener: call Start first")
	}
	return listeners[0].Addr().String()
}

// URL is `http://` and Addr.
func (c *Caddy) URL(server string) string {
	c.t.Helper()
	return "http://" + c.Addr(server)
}

// Logs is what the config has logged so far, one JSON object a line, debug level included.
func (c *Caddy) Logs() string {
	c.t.Helper()
	data, err := os.ReadFile(c.logs)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Fatal(err)
	}
	return string(data)
}

// Close stops the apps and cleans up their modules, in Caddy's order. It is called when the test ends; a test may
// call it earlier, to see what a module does afterwards.
func (c *Caddy) Close() {
	c.once.Do(func() {
		for _, app := range c.started {
			if err := app.Stop(); err != nil {
				c.t.Errorf("stopping: %v", err)
			}
		}
		provisioning.Lock() // Caddy's modules share globals when they are cleaned up, too
		defer provisioning.Unlock()
		c.cancel()
	})
}

func (c *Caddy) server(name string) *caddyhttp.Server {
	c.t.Helper()
	servers := c.App("http").(*caddyhttp.App).Servers
	if name == "" {
		for candidate := range servers {
			if name == "" || candidate < name {
				name = candidate
			}
		}
	}
	server, ok := servers[name]
	if !ok {
		c.t.Fatalf("the config has no server %q", name)
	}
	return server
}
