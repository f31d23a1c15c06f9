package plugins_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/httpfilter"
	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
)

// compiled is where all tests keep compiled code, so that each module is compiled once.
var compiled *plugin.Code

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "loom-compiled-")
	if err != nil {
		panic(err)
	}
	if compiled, err = plugin.NewCode(folder); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(leaktest.Patient(m), goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(folder)
		os.Exit(status)
	}))
}

// routeHeader names the route of a request, which is the embedder's to know.
const routeHeader = "X-Test-Route"

// patience is the time of one callback: these tests are about plugins, and not about a machine that is busy.
const patience = time.Minute

// open starts a plugin in the real engine.
func open(t *testing.T, spec plugin.Spec) (*plugin.Plugin, *observer.ObservedLogs, error) {
	t.Helper()
	spec.Limits.CallTimeout, spec.Limits.StartTimeout, spec.Limits.CompileTimeout = patience, patience, 5*patience
	return openWith(t, spec, plugin.Deps{})
}

// openWith does the same with more of the gateway.
func openWith(t *testing.T, spec plugin.Spec, deps plugin.Deps) (*plugin.Plugin, *observer.ObservedLogs, error) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	deps.Code, deps.Shared, deps.Log = compiled, shared.NewStore(), zap.New(core)
	p, err := plugin.Open(context.Background(), spec, deps)
	if err == nil {
		p.Start()
		t.Cleanup(p.Close)
	}
	return p, logs, err
}

// serve puts the plugin with a configuration in front of a backend, on a real server.
func serve(t *testing.T, p *plugin.Plugin, config string, backend http.HandlerFunc) *httptest.Server {
	t.Helper()
	c, err := p.Context(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	filter := httpfilter.New(c, httpfilter.Options{Property: func(r *http.Request, path string) (string, bool) {
		return r.Header.Get(routeHeader), path == "xds\x00route_name"
	}})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := filter.ServeHTTP(w, r, func(w http.ResponseWriter, r *http.Request) error {
			backend(w, r)
			return nil
		})
		if failure := (*httpfilter.Error)(nil); errors.As(err, &failure) {
			t.Error("the filter failed:", err)
			w.WriteHeader(failure.Status)
		}
	}))
	t.Cleanup(func() { server.Close(); c.Release() })
	return server
}

type answer struct {
	status int
	header http.Header
	body   string
}

// get sends a request with the headers name, value, name, value …
func get(t *testing.T, server *httptest.Server, headers ...string) answer {
	t.Helper()
	return fetch(t, server, "/path?query", headers...)
}

// fetch is get of another path.
func fetch(t *testing.T, server *httptest.Server, path string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// postWithTrailer posts a body in chunks, with a trailer behind it, and returns the answer's body and trailers.
func postWithTrailer(t *testing.T, server *httptest.Server, contentType, body string) (string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Trailer = http.Header{"X-Sum": {"request"}}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(got), res.Trailer
}

// echoWithTrailer is a backend that answers with what it got, body and trailer.
func echoWithTrailer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	_, _ = w.Write(body)
	w.Header().Set(http.TrailerPrefix+"X-Sum", r.Trailer.Get("X-Sum")+" and response")
}
