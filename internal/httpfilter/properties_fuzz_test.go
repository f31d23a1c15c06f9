package httpfilter

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/shared"
)

// FuzzProperty reads and writes any path in any phase: what comes back is a status that a plugin may get, what was stored is
// found again, and reading changes nothing.
func FuzzProperty(f *testing.F) {
	for _, path := range []string{
		"request.path", "request.headers.x-a", "request.headers", "request.time", "response.code", "response.trailers.x", "source.address",
		"destination.port", "connection.id", "connection.tls_version", "upstream.address", "filter_state.wasm.a", "filter_state.envoy.string",
		"metadata.filter_metadata.caddy.a", "metadata.filter_metadata", "xds.route_name", "route_name", "x_request_id", "a", "", ".", "request.",
		"request..", "xds", "wasm.a", "request.headers.:path", "request.query",
	} {
		f.Add([]byte(strings.ReplaceAll(path, ".", "\x00")), []byte("value"), byte(3))
	}
	code, err := os.ReadFile("../../plugins/probe/probe.wasm")
	if err != nil {
		f.Fatal(err)
	}
	p, err := plugin.Open(context.Background(), plugin.Spec{Name: "property", Code: code, Instances: 1},
		plugin.Deps{Shared: shared.NewStore(), Log: zap.NewNop()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.Close)
	c, err := p.Context(context.Background(), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(c.Release)
	filter := New(c, Options{Var: func(_ *http.Request, name string) (string, bool) { return name, name == "a" }})
	f.Fuzz(func(t *testing.T, path, value []byte, phase byte) {
		r := httptest.NewRequest(http.MethodPost, "/path?query=1", strings.NewReader("body"))
		r.Header.Set("X-A", "1")
		x := newExchange(filter, httptest.NewRecorder(), r)
		x.entered.Store(true)
		for _, c := range abi.Callbacks() {
			if phase>>c&1 != 0 {
				x.Enter(c)
			}
		}
		before, found := readProperty(t, x, path)
		again, still := readProperty(t, x, path)
		if found != still || (!bytes.Equal(before, again) && !bytes.Contains(path, []byte("duration"))) {
			t.Fatalf("%q is %q (%v) and then %q (%v)", path, before, found, again, still)
		}
		stored := x.SetProperty(path, value)
		if stored != abi.StatusOK && stored != abi.StatusBadArgument {
			t.Fatalf("setting %q answers %v", path, stored)
		}
		after, status := readProperty(t, x, path)
		if stored == abi.StatusOK && found == abi.StatusNotFound && (status != abi.StatusOK || !bytes.Equal(after, value)) {
			t.Fatalf("%q was set to %q and is %q (%v)", path, value, after, status)
		}
	})
}

func readProperty(t *testing.T, x *exchange, path []byte) ([]byte, abi.Status) {
	t.Helper()
	path = bytes.Clone(path)
	value, status := x.Property(path, make([]byte, 0, 16))
	switch status {
	case abi.StatusOK, abi.StatusNotFound, abi.StatusSerializationFailure:
	default:
		t.Fatalf("reading %q answers %v", path, status)
	}
	return bytes.Clone(value), status
}
