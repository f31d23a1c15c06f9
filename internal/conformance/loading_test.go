package conformance

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/shared"
	"github.com/loom-gateway/loom/internal/upstream"
)

func loading(s *suite) {
	abiVersions(s)
	imports(s)
	toolchainImports(s)
	brokenModules(s)
}

func abiVersions(s *suite) {
	s.check("L-01", 1, "modules of ABI 0.1.0, 0.2.0, 0.2.1 and Higress' 0.2.100 load, and the version is known", func(t *testing.T) {
		bare := func(version string) plugin.Spec {
			return rawSpec(t, "bare", patch(t, "proxy_abi_version_0_2_1", "proxy_abi_version_"+version))
		}
		for want, spec := range map[string]plugin.Spec{
			"0.1.0": bare("0_1_0"), "0.2.0": bare("0_2_0"), "0.2.1": rawSpec(t, "bare"), "0.2.100": rawSpec(t, "higress"),
		} {
			if got := runs(t, spec).plugins[0].Snapshot().ABIVersion; got != want {
				t.Errorf("the module of %s is taken for %q", want, got)
			}
		}
	})
	s.check("L-02", 1, "a module without a marker is refused by name of what is missing, and taken for 0.2.1 if the config says so", func(t *testing.T) {
		unmarked := patch(t, "proxy_abi_version_0_2_1", "proxy_abi_comrade_0_2_1")
		refused(t, rawSpec(t, "bare", unmarked), "proxy_abi_version_", "allow_missing_abi_version")
		for _, allow := range []func(*plugin.Spec){
			func(s *plugin.Spec) { s.AllowMissingABIVersion = true },
			func(s *plugin.Spec) { s.Profile = proxywasm.ProfileAPISIX },
		} {
			if got := runs(t, rawSpec(t, "bare", unmarked, allow)).plugins[0].Snapshot().ABIVersion; got != "0.2.1" {
				t.Errorf("the module is taken for %q", got)
			}
		}
		refused(t, rawSpec(t, "bare", patch(t, "proxy_abi_version_0_2_1", "proxy_abi_version_0_9_9")), "0.9.9", "0.2.1")
	})
	s.check("L-03", 1, "a module without an allocator is refused", func(t *testing.T) {
		refused(t, rawSpec(t, "bare", patch(t, "malloc", "mallow")), "malloc", "proxy_on_memory_allocate")
	})
	s.check("L-06", 1, "header callbacks of 0.1.0 have two parameters", func(t *testing.T) {
		runs(t, rawSpec(t, "v0_1_0")).want(t, "request_headers 6", "response_headers")
	})
	s.check("L-07", 1, "header callbacks since 0.2.0 have three", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe("")}})
		g.do(t, "GET", "/", nil)
		g.want(t, "> request_headers ctx=2 6 1", "> response_headers ctx=2")
	})
	s.check("L-09", 2, "a module without callbacks loads and changes nothing", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{rawSpec(t, "bare")}})
		if a := g.do(t, "POST", "/path", strings.NewReader("some body"), "X-A", "1"); !strings.Contains(a.body, `POST /path`) ||
			!strings.Contains(a.body, `x-a=["1"] length=9 body=some body`) {
			t.Errorf("the backend saw %q", a.body)
		}
	})
}

func imports(s *suite) {
	s.check("L-04", 1, "WASI is there as wasi_snapshot_preview1 and as wasi_unstable", func(t *testing.T) {
		runs(t, rawSpec(t, "wasi")).want(t, "fd_write 1 0", "old fd_write 1 0", "written")
	})
	s.check("L-05", 1, "all hostcalls of 0.1.0, 0.2.0 and 0.2.1 are there for a module of any version", func(t *testing.T) {
		for _, version := range []string{"0_1_0", "0_2_0", "0_2_1"} {
			runs(t, rawSpec(t, "hostcalls", patch(t, "proxy_abi_version_0_2_1", "proxy_abi_version_"+version)))
		}
	})
	s.check("L-08", 2, "a callback or a hostcall of another type is reported at load, with its name and both types", func(t *testing.T) {
		refused(t, rawSpec(t, "wrongtype"), "proxy_on_log(i64) -> ()", "proxy_on_log(i32) -> ()")
		refused(t, rawSpec(t, "wrongimport"), "proxy_set_property(i32, i32) -> (i32)", "proxy_set_property(i32, i32, i32, i32) -> (i32)")
	})
	s.check("L-10", 2, "gRPC calls without initial metadata, as AssemblyScript's SDK makes them, link and work", func(t *testing.T) {
		g := serve(t, setup{
			plugins:   []plugin.Spec{rawSpec(t, "grpc-short")},
			upstreams: map[string]upstream.Settings{"backend": grpcServer(t, grpcEcho)},
		})
		g.await(t, 1, "received /pkg.Short/Call one")
		g.await(t, 1, "received /pkg.Short/Stream two")
	})
	s.check("L-11", 2, "unknown hostcalls refuse the module, all in one sentence; as stubs they answer UNIMPLEMENTED, or trap where no status fits", func(t *testing.T) {
		refused(t, rawSpec(t, "unknown"), "env.proxy_get_secret(i32, i32) -> (i32)", "env.proxy_weigh() -> (i64)",
			"env.proxy_get_fog_level(i32) -> (i32)", "unknown_imports")
		g := serve(t, setup{plugins: []plugin.Spec{rawSpec(t, "unknown", func(s *plugin.Spec) { s.StubUnknownImports = true })}})
		if a := g.do(t, "GET", "/", nil); a.status != 503 {
			t.Errorf("a stub that cannot answer gave the client %d, want 503", a.status)
		}
		g.wantLines(t, "secret 12", "fog 12")
	})
	s.check("L-12", 1, "the hostcalls that only Higress has are there", func(t *testing.T) {
		runs(t, rawSpec(t, "higress"))
	})
	s.check("L-19", 2, "all functions of WASI preview 1 are there with their types, under both names", func(t *testing.T) {
		code := raw(t, "wasi")
		info, err := proxywasm.Inspect(t.Context(), code, proxywasm.Options{Name: "wasi"})
		if err != nil || len(info.Missing) > 0 {
			t.Fatalf("missing %q, error %v", info.Missing, err)
		}
		if n := len(info.Imports) - 1; n != 2*46 {
			t.Errorf("the guest asks for %d functions of WASI, there are twice 46", n)
		}
	})
}

func toolchainImports(s *suite) {
	s.check("L-13", 2, "AssemblyScript's abort logs its text and place as critical, and ends the instance", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{rawSpec(t, "abort")}})
		if a := g.do(t, "GET", "/", nil); a.status != 503 {
			t.Errorf("the client got %d, want 503", a.status)
		}
		lines := g.logs.FilterMessage("abort: out of ✓ at index.ts:12:3").All()
		if len(lines) != 1 || lines[0].Level != zapcore.ErrorLevel {
			t.Errorf("the log has %v", g.logs.All())
		}
	})
	s.check("L-14", 2, "emscripten's helpers are there", func(t *testing.T) {
		runs(t, rawSpec(t, "emscripten")).wantLines(t, "equal 1", "different 0")
	})
}

func brokenModules(s *suite) {
	s.check("L-15", 2, "what is no module, or only a part of one, is refused with a sentence", func(t *testing.T) {
		code := probeCode(t)
		component := []byte("\x00asm\x0d\x00\x01\x00")
		for want, bytes := range map[string][]byte{"empty": {}, "text": []byte("hello\n"), "component": component} {
			refused(t, plugin.Spec{Name: want, Code: append([]byte{}, bytes...), Instances: 1}, want)
		}
		for n := 1; n < len(code); n += 1 + len(code)/97 {
			if _, err := proxywasm.Inspect(t.Context(), code[:n], proxywasm.Options{}); err == nil {
				t.Errorf("the first %d bytes of a module are taken for one", n)
			}
			garbled := append([]byte(nil), code...)
			garbled[n] ^= 0x55
			_, _ = proxywasm.Inspect(t.Context(), garbled, proxywasm.Options{}) // may be a module; must not panic
		}
	})
	s.check("L-16", 2, "a module with another sha256 than the config asks for is refused", func(t *testing.T) {
		refused(t, rawSpec(t, "bare", func(s *plugin.Spec) { s.SHA256 = strings.Repeat("0", 64) }), "sha256")
	})
	s.check("L-17", 2, "a module that begins with more memory than its limit is refused", func(t *testing.T) {
		refused(t, rawSpec(t, "bigmemory"), "2000 pages", "1024 pages", "limits.memory")
		runs(t, rawSpec(t, "bigmemory", func(s *plugin.Spec) { s.Limits.MemoryPages = 4096 }))
	})
	s.check("L-18", 3, "handlers with the same module compile it once, also over reloads", func(t *testing.T) {
		folder := t.TempDir()
		code, err := plugin.NewCode(folder)
		if err != nil {
			t.Fatal(err)
		}
		load := func(name string, pages uint32) *plugin.Plugin {
			spec := rawSpec(t, "bare", func(s *plugin.Spec) { s.Name, s.Limits.MemoryPages = name, pages })
			p, err := plugin.Open(t.Context(), spec, plugin.Deps{Code: code, Shared: shared.NewStore()})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		old := load("old", 16)
		// What is compiled is written to the folder. After it is gone, only a new compilation would bring it back.
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(load("another handler", 32).Close)
		old.Close()
		t.Cleanup(load("after a reload", 64).Close)
		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			t.Errorf("the module was compiled again (%v)", err)
		}
	})
}
