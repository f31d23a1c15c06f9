package hostile

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/wasmscreen/wasmtest"
)

func compile() []*behaviour {
	refuse := func(name string, module func(*kit) []byte, says string) attack {
		return attack{name: name, module: module, in: []string{atLoad}, outcome: refused, says: says}
	}
	const before = "the config is refused before anything is compiled"
	return []*behaviour{
		{id: 14, group: "compiling", name: "`br_table` bomb", promise: before, attacks: []attack{
			refuse("300,000 targets", made(wasmtest.BranchBomb(300_000)), "300000 targets in one br_table"),
			refuse("a switch of 10,000 cases", made(wasmtest.SwitchBomb(10_000)), "blocks inside of each other"),
		}},
		{id: 15, group: "compiling", name: "nesting bomb", promise: before, attacks: []attack{
			refuse("50,000 blocks", made(wasmtest.NestingBomb(50_000)), "blocks inside of each other"),
			refuse("200 loops of 1000 variables", made(wasmtest.LoopBomb(200, 1000)), "variables times loops"),
			refuse("four billion variables", made(wasmtest.LocalsBomb(1, 1<<32-1)), "local variables in one function"),
		}},
		{id: 16, group: "compiling", name: "a real module of 25 MB", promise: "it compiles beside the traffic, once", attacks: []attack{{
			name: "a firewall with its rules", module: firewall, in: []string{"request_headers"}, outcome: bounded, slow: true,
			script:   `{"directives_map": {"all": ["SecRuleEngine On"]}, "default_directives": "all"}`,
			settings: object{"vm_config": "", "limits": object{"memory": 512 << 20, "start_timeout": "60s", "call_timeout": "20s", "compile_timeout": "10m"}},
			check:    (*kit).passed,
		}}},
		{id: 17, group: "compiling", name: "files that are no module", promise: "the error says what the file is", attacks: []attack{
			refuse("cut off", func(k *kit) []byte { code := probe(k); return code[:len(code)/2] }, "cut off"),
			refuse("garbage behind the magic", made(append([]byte("\x00asm\x01\x00\x00\x00"), bytes.Repeat([]byte{0xa5}, 4096)...)), "module"),
			refuse("a zip archive", made([]byte("PK\x03\x04 and so on")), "a zip archive"),
			refuse("a program of the machine", self, "not WebAssembly but"),
			refuse("a text", made([]byte("this is a text")), "a text file"),
			refuse("nothing", made(nil), "empty"),
		}},
		{id: 18, group: "compiling", name: "no, an unknown or two ABI versions", promise: "none or unknown: the config is refused; two: the newer one", attacks: []attack{
			refuse("none", renamed(abiMark, "proxy_abi_nothing_0_2_1"), "exports no proxy_abi_version_*"),
			refuse("unknown", renamed(abiMark, "proxy_abi_version_9_9_9"), "ABI version 9.9.9"),
			{name: "two", module: text("two-versions"), in: []string{"request_headers"}, outcome: harmless},
		}},
		{id: 19, group: "compiling", name: "unknown imports", promise: "the config is refused", attacks: []attack{
			refuse("a hostcall that nobody has", elsewhere("unknown"), "imports"),
			refuse("another module", elsewhere("bindgen"), "wbg"),
		}},
		{id: 20, group: "compiling", name: "imports with another signature", promise: "the config is refused", attacks: []attack{
			refuse("a hostcall", elsewhere("wrongimport"), "the ABI has"),
		}},
		{id: 21, group: "compiling", name: "exports of another type", promise: "the config is refused; what is no function is not called", attacks: []attack{
			refuse("a callback with another signature", elsewhere("wrongtype"), "the module exports"),
			{name: "a memory as a callback, and a function as the memory", module: text("export-kinds"), in: []string{"request_headers"}, outcome: harmless},
		}},
	}
}

const abiMark = "proxy_abi_version_0_2_1"

func made(code []byte) func(*kit) []byte { return func(*kit) []byte { return code } }

func probe(k *kit) []byte { return readFile(k.file("probe-hostile", nil)) }

// self is the test's own binary.
func self(k *kit) []byte {
	path, err := os.Executable()
	if err != nil {
		k.t.Fatal(err)
	}
	code := readFile(path)
	return code[:min(len(code), 1<<20)]
}

// elsewhere is a guest that another package has.
func elsewhere(name string) func(*kit) []byte {
	return func(k *kit) []byte { return readFile(filepath.Join("../conformance/testdata", name+".wasm")) }
}

func firewall(k *kit) []byte {
	return guestbuild.Go(k.t, "../conformance/testdata/coraza", "-tags=no_fs_access")
}

func (k *kit) passed(tr *trial) error { return tr.answer.untouched(tr.name, "") }
