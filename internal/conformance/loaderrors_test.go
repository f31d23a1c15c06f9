package conformance

import (
	"bytes"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

// Every module that cannot run is refused with one sentence: what is wrong with it, and what to do.
func TestLoadErrors(t *testing.T) {
	probe := probeCode(t)
	spec := func(code []byte) plugin.Spec { return plugin.Spec{Name: "broken", Code: code, Instances: 1} }
	component := append([]byte("\x00asm\x0d\x00\x01\x00"), probe[8:]...)
	for name, c := range map[string]struct {
		spec  plugin.Spec
		words []string
	}{
		"unknown hostcalls":        {rawSpec(t, "unknown"), []string{"env.proxy_get_secret(i32, i32) -> (i32), env.proxy_weigh() -> (i64)", "unknown_imports"}},
		"a hostcall's type":        {rawSpec(t, "wrongimport"), []string{"env.proxy_set_property(i32, i32) -> (i32)", "the ABI has proxy_set_property(i32, i32, i32, i32) -> (i32)"}},
		"a callback's type":        {rawSpec(t, "wrongtype"), []string{"proxy_on_log(i64) -> ()", "in ABI 0.2.1 it is proxy_on_log(i32) -> ()"}},
		"wasm-bindgen":             {rawSpec(t, "bindgen"), []string{"wbg.__wbg_getRandomValues_1", "wasm-bindgen", "env.proxy_weigh"}},
		"a WASI function":          {spec(bytes.ReplaceAll(raw(t, "wasi"), []byte("sched_yield"), []byte("sched_field"))), []string{"sched_field() -> (i32)", "wasm32-wasip1"}},
		"memory from outside":      {rawSpec(t, "importmemory"), []string{"env.memory", "--import-memory"}},
		"dynamic linking":          {rawSpec(t, "dynamic"), []string{"table", "dynamic linking"}},
		"a program":                {rawSpec(t, "program"), []string{"proxy_abi_version_", "cdylib", "c-shared", "reactor"}},
		"a Go program":             {spec(guestbuild.Go(t, "testdata/reader", "-buildmode=exe")), []string{"no _initialize", "-buildmode=c-shared"}},
		"constructors":             {rawSpec(t, "uninitialised"), []string{"proxy_on_context_create", "no _initialize", "-mexec-model=reactor"}},
		"a plugin for TCP":         {rawSpec(t, "tcp"), []string{"proxy_on_downstream_data", "proxy_on_new_connection", "Loom runs HTTP filters"}},
		"too much memory":          {rawSpec(t, "bigmemory"), []string{"2000 pages", "limits.memory"}},
		"a feature":                {rawSpec(t, "tailcall"), []string{"tail-call", "WebAssembly 2.0"}},
		"another ABI":              {spec(bytes.ReplaceAll(probe, []byte("version_0_2_1"), []byte("version_0_9_9"))), []string{"0.9.9", "0.1.0, 0.2.0 and 0.2.1"}},
		"a component":              {spec(component), []string{"component", "wasm32-wasip1"}},
		"half a file":              {spec(probe[:len(probe)/2]), []string{"damaged or cut off"}},
		"the text of a module":     {spec([]byte(";; text\n(module)")), []string{"WebAssembly text", "wat2wasm"}},
		"a page instead of a file": {spec([]byte("<!DOCTYPE html><title>404</title>")), []string{"HTML"}},
		"nothing":                  {spec([]byte{}), []string{"empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, c.spec, c.words...)
		})
	}
}

// A plugin that has both kinds of callbacks runs, and its log says that the TCP callbacks are not called.
func TestTCPCallbacksBesideOthers(t *testing.T) {
	spec := rawSpec(t, "tcp", patch(t, "proxy_on_new_connection", "proxy_on_request_trailr"))
	if _, err := proxywasm.Inspect(t.Context(), spec.Code, proxywasm.Options{}); err != nil {
		t.Fatal(err)
	}
	if g := runs(t, spec); g.logs.FilterMessageSnippet("TCP callbacks are not called").Len() != 1 {
		t.Errorf("the log has %v", g.logs.All())
	}
}
