package conformance

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/guestmetrics"
	"github.com/loom-gateway/loom/internal/httpfilter"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/shared"
	"github.com/loom-gateway/loom/internal/upstream"
)

// patience is how long a check waits for what must come: long, for the machine may be busy.
const patience = 20 * time.Second

// setup is what a check puts in front of its backend.
type setup struct {
	// plugins run in this order; a plugin without a module is the probe.
	plugins []plugin.Spec
	// backend is the rest of the chain. Default: echo.
	backend http.HandlerFunc
	// upstreams may be called by the plugins.
	upstreams map[string]upstream.Settings
	// fails is the error that the rest of the chain returns. Default: none.
	fails error
	// meter keeps the metrics of the guests. Default: real ones.
	meter proxywasm.Metrics
	// around wraps the whole chain, as a handler before it would.
	around func(http.Handler) http.Handler
	// store is what the plugins share. Default: a new one.
	store *shared.Store
	// foreign are the foreign functions of the gateway.
	foreign plugin.ForeignFunctions
	// tls serves HTTPS, and HTTP/2 to clients that want it.
	tls bool
	// h2c takes HTTP/2 without TLS too, as gRPC clients speak it inside of a cluster.
	h2c bool
	// certificates are those of a server that asks for the client's.
	certificates *certificates
	// level is the lowest that is logged. Default: debug.
	level zapcore.LevelEnabler
	// idle leaves the plugins' timers and calls stopped, as in a config that is merely validated.
	idle bool
}

// gateway is a real server whose handler runs plugins in front of a backend.
type gateway struct {
	*httptest.Server
	plugins []*plugin.Plugin
	logs    *observer.ObservedLogs
	metrics *guestmetrics.Store
	release func() // of the first plugin's configuration
	// errors receives what became of each exchange, after its end.
	errors chan error
}

// probe is the scripted guest with a script; see plugins/probe.
func probe(script string, change ...func(*plugin.Spec)) plugin.Spec {
	spec := plugin.Spec{Name: "probe", Config: script, Instances: 1}
	for _, c := range change {
		c(&spec)
	}
	return spec
}

// lines joins the lines of a script.
func lines(list ...string) string { return strings.Join(list, "\n") }

// raw reads a guest of testdata; its text stands beside it.
func raw(t *testing.T, name string) []byte {
	t.Helper()
	return readFile(t, filepath.Join("testdata", name+".wasm"))
}

func probeCode(t *testing.T) []byte {
	t.Helper()
	return readFile(t, "../../plugins/probe/probe.wasm")
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// serve starts a gateway. A plugin that cannot be loaded fails the check.
func serve(t *testing.T, c setup) *gateway {
	t.Helper()
	g, err := tryServe(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// tryServe starts a gateway, or says why a plugin was refused.
func tryServe(t *testing.T, c setup) (*gateway, error) {
	t.Helper()
	level := c.level
	if level == nil {
		level = zap.DebugLevel
	}
	core, logs := observer.New(level)
	g := &gateway{logs: logs, metrics: guestmetrics.NewStore(), errors: make(chan error, 1024)}
	log := zap.New(core)
	chain, err := g.open(t, c, log)
	if err != nil {
		return g, err
	}
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := chain(w, sharing(r))
		if failure := (*httpfilter.Error)(nil); errors.As(err, &failure) {
			w.WriteHeader(failure.Status)
		}
		g.errors <- err
	}))
	if c.h2c {
		g.Config.Protocols = new(http.Protocols)
		g.Config.Protocols.SetHTTP1(true)
		g.Config.Protocols.SetUnencryptedHTTP2(true)
	}
	if c.around != nil {
		g.Config.Handler = c.around(g.Config.Handler)
	}
	if c.certificates != nil {
		g.TLS = c.certificates.serving()
	}
	if c.tls || c.certificates != nil {
		g.EnableHTTP2 = true
		g.StartTLS()
	} else {
		g.Start()
	}
	t.Cleanup(g.Close)
	return g, nil
}

// open loads the plugins and builds the chain from its end.
func (g *gateway) open(t *testing.T, c setup, log *zap.Logger) (httpfilter.Next, error) {
	t.Helper()
	store, lookup := c.store, lookupOf(t, c.upstreams)
	if store == nil {
		store = shared.NewStore()
	}
	next := httpfilter.Next(func(w http.ResponseWriter, r *http.Request) error {
		if c.backend == nil {
			echo(w, r)
		} else {
			c.backend(w, r)
		}
		return c.fails
	})
	for _, spec := range slices.Backward(c.plugins) {
		if spec.Code == nil {
			spec.Code = probeCode(t)
		}
		meter := c.meter
		if meter == nil {
			meter = g.metrics.Of(spec.Name)
		}
		p, err := plugin.Open(context.Background(), spec, plugin.Deps{
			Code: compiled, Shared: store, Metrics: meter, Upstreams: lookup, Foreign: c.foreign, Log: log,
		})
		if err != nil {
			return nil, err
		}
		t.Cleanup(p.Close)
		if !c.idle {
			p.Start()
		}
		ctx, err := p.Context(context.Background(), spec.Config)
		if err != nil {
			return nil, err
		}
		release := sync.OnceFunc(ctx.Release)
		t.Cleanup(release)
		g.release = release
		g.plugins = slices.Insert(g.plugins, 0, p)
		filter, rest := httpfilter.New(ctx, httpfilter.Options{Log: log, About: aboutRequest, LocalCertificate: c.certificates.shown}), next
		next = func(w http.ResponseWriter, r *http.Request) error { return filter.ServeHTTP(w, r, rest) }
	}
	return next, nil
}

func lookupOf(t *testing.T, settings map[string]upstream.Settings) func(string) (*upstream.Upstream, error) {
	t.Helper()
	found := map[string]*upstream.Upstream{}
	for name, s := range settings {
		s.Name = name
		u, err := upstream.New(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(u.Close)
		found[name] = u
	}
	return func(name string) (*upstream.Upstream, error) {
		if u := found[name]; u != nil {
			return u, nil
		}
		return nil, errors.New("unknown upstream " + name)
	}
}

// at is an upstream with one endpoint, which may be a server's URL.
func at(address string) upstream.Settings {
	_, address, _ = strings.Cut("//"+strings.TrimPrefix(strings.TrimPrefix(address, "http:"), "//"), "//")
	return upstream.Settings{Endpoints: []upstream.EndpointSettings{{Address: address}}}
}
