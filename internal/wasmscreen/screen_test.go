package wasmscreen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
)

// Modules that take a compiler minutes or gigabytes, each of a few hundred KB at most.
func TestBombs(t *testing.T) {
	tests := map[string]struct {
		code []byte
		want string
	}{
		"a br_table":                {branchBomb(300_000), "300000 targets in one br_table, more than the limit of 16384"},
		"many br_tables":            {functions(400, []byte{0}, []byte{opLocalGet, 0, opBrTable}, u32(16_000), make([]byte, 16_001)), "targets in all br_tables"},
		"a switch":                  {switchBomb(10_000), "4097 blocks inside of each other"},
		"nested blocks":             {nestingBomb(50_000), "4097 blocks inside of each other in one function, more than the limit of 4096"},
		"ifs":                       {function([]byte{0}, bytes.Repeat([]byte{opLocalGet, 0, opIf, noType, opEnd}, 10_000)), "10000 blocks and branches in one function"},
		"ifs in many functions":     {functions(100, []byte{0}, bytes.Repeat([]byte{opLocalGet, 0, opIf, noType, opEnd}, 8000)), "squares"},
		"variables in nested loops": {loopBomb(200, 1000), "variables times loops"},
		"variables at many ifs":     {function(locals(5000), bytes.Repeat([]byte{opLocalGet, 0, opIf, noType, opEnd}, 5000)), "variables times blocks"},
		"locals":                    {localsBomb(1, 1<<32-1), "4294967295 local variables in one function, more than the limit of 10000"},
		"locals in many functions":  {localsBomb(1000, 10_000), "local variables in all of its functions"},
		"a large function":          {function([]byte{0}, make([]byte, 1<<20)), "bytes in one function"},
		"functions":                 {functions(200_001, []byte{0}), "200001 functions, more than the limit of 200000"},
		"types":                     {module(section(typeSection, listed(same(10_001, 0x60, 0, 0)...))), "10001 types"},
		"a group of types":          {module(section(typeSection, listed(slices.Concat([]byte{0x4e}, listed(same(10_001, 0x60, 0, 0)...))))), "types"},
		"parameters":                {module(section(typeSection, listed(slices.Concat([]byte{0x60}, listed(same(101, i32)...), []byte{0})))), "101 parameters and results"},
		"imports":                   {module(section(importSection, listed(same(1001, 0, 0, 0, 0)...))), "1001 imports"},
		"exports":                   {module(section(exportSection, listed(same(10_001, 0, 0, 0)...))), "10001 exports"},
		"globals":                   {module(section(globalSection, listed(same(10_001, i32, 0, opI32Const, 0, opEnd)...))), "10001 globals"},
		"data segments":             {module(section(dataSection, listed(same(200_001, 1, 0)...))), "200001 data segments"},
		"element segments":          {module(section(elementSection, listed(same(10_001, 1, 0, 0)...))), "10001 element segments"},
		"elements":                  {module(section(elementSection, listed(slices.Concat([]byte{1, 0}, listed(same(200_001, 0)...))))), "200001 entries in element segments"},
		"names":                     {named(listed(same(1_000_001, 0, 0)...)), "1000001 names"},
		"memories":                  {module(section(memorySection, listed(same(2, 0, 0)...))), "2 memories"},
		"tables":                    {module(section(tableSection, listed(same(17, 0x70, 0, 0)...))), "17 tables"},
		"a large table":             {tables(0, limitsOf(1<<20+1)), "1048577 entries in its tables"},
		"a table that grows":        {tables(1, []byte{0, 1}), "grows table 0 (table.grow), which has no maximum"},
		"a table that grows far":    {tables(1, slices.Concat([]byte{1, 1}, u32(1<<24))), "16777216 entries in its tables"},
	}
	for name, test := range tests {
		_, err := Screen(test.code, DefaultLimits())
		if err == nil || errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// What looks like a bomb and is none.
func TestHarmless(t *testing.T) {
	for name, code := range map[string][]byte{
		"a table that might grow, and does not": tables(0, []byte{0, 1}),
		"a table that grows within its limit":   tables(1, slices.Concat([]byte{1, 1}, u32(1000))),
		"a switch":                              switchBomb(4000),
		"loops":                                 loopBomb(5, 1000),
		"blocks one after the other":            function([]byte{0}, bytes.Repeat([]byte{opBlock, noType, opEnd}, 8000)),
	} {
		if _, err := Screen(code, DefaultLimits()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	body := func(body ...byte) []byte {
		return module(section(typeSection, listed([]byte{0x60, 0, 0})), section(functionSection, []byte{1, 0}), section(codeSection, body))
	}
	for name, code := range map[string][]byte{
		"nothing":                         nil,
		"a section that claims more":      module([]byte{typeSection, 5, 0}),
		"a section that claims less":      module([]byte{typeSection, 1, 1, 0x60, 0, 0}),
		"a list that claims more":         module(section(typeSection, u32(1<<32-1))),
		"names that claim more":           named(u32(1<<32 - 1)),
		"a number of six bytes":           module(section(typeSection, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0})),
		"a number of more than 32 bits":   module(section(typeSection, []byte{0x80, 0x80, 0x80, 0x80, 0x10})),
		"a section twice":                 module(section(typeSection, []byte{0}), section(typeSection, []byte{0})),
		"sections in another order":       module(section(importSection, []byte{0}), section(typeSection, []byte{0})),
		"a section that nobody knows":     module(section(14, nil)),
		"functions without bodies":        module(section(typeSection, listed([]byte{0x60, 0, 0})), section(functionSection, []byte{1, 0})),
		"a body that claims more":         body(1, 9, 0, opEnd),
		"a body that claims less":         body(1, 2, 0, opEnd, opEnd),
		"a body without an end":           body(1, 2, 0, 1),
		"a body with two ends":            body(1, 3, 0, opEnd, opEnd),
		"a body that ends in a block":     body(1, 4, 0, opBlock, noType, opEnd),
		"an end that is an immediate":     body(1, 3, 0, opI32Const, opEnd),
		"a br_table that claims more":     body(1, 9, 0, opBrTable, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, opEnd),
		"locals that claim more":          body(1, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, opEnd),
		"a table without an initial size": module(section(tableSection, []byte{1, 0x70})),
	} {
		if _, err := Screen(code, DefaultLimits()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Features that Loom does not run are named.
func TestFeatures(t *testing.T) {
	for name, test := range map[string]struct {
		code []byte
		want string
	}{
		"a tail call":       {function([]byte{0}, []byte{0x12, 0}), "tail-call"},
		"an atomic":         {function([]byte{0}, []byte{0xfe, 0x03, 0}), "threads"},
		"a throw":           {function([]byte{0}, []byte{0x08, 0}), "exception handling"},
		"a tag section":     {module(section(tagSection, []byte{1, 0, 0})), "exceptions"},
		"a struct":          {module(section(typeSection, []byte{1, 0x5f, 0})), "garbage collection"},
		"a type of garbage": {module(section(typeSection, []byte{1, 0x60, 1, 0x6d, 0})), "garbage collection"},
		"garbage":           {function([]byte{0}, []byte{0xfb, 0}), "garbage collection"},
		"a 64-bit memory":   {module(section(memorySection, []byte{1, 4, 0})), "64-bit"},
		"a number too long": {function([]byte{0}, []byte{opBlock, 0x80, 0x80, 0x80, 0x80, 0x80}), "33 bits"},
	} {
		_, err := Screen(test.code, DefaultLimits())
		if err == nil || errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// Real modules of C, Rust, AssemblyScript and text; TestGoModule has Go.
func realModules(t testing.TB) map[string][]byte {
	t.Helper()
	modules := map[string][]byte{}
	for _, pattern := range []string{"../../plugins/*/*.wasm", "../conformance/testdata/*.wasm", "../conformance/testdata/sdk/*/*.wasm"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			if modules[file], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	return modules
}

func TestRealModules(t *testing.T) {
	for file, code := range realModules(t) {
		if filepath.Base(file) == "tailcall.wasm" {
			continue // made to be refused
		}
		if shape, err := Screen(code, DefaultLimits()); err != nil || shape.Bodies == 0 {
			t.Errorf("%s: %+v, %v", file, shape, err)
		}
	}
}

func TestGoModule(t *testing.T) {
	shape, err := Screen(guestbuild.Go(t, "../../plugins/add-header"), DefaultLimits())
	if err != nil || shape.Functions < 1000 || shape.BranchTable < 100 || shape.DataSegments < 10_000 {
		t.Errorf("%+v, %v", shape, err)
	}
}

// A module that is cut off anywhere is malformed, but for the ends of sections, where it may have no functions yet.
func TestCutOff(t *testing.T) {
	code, err := os.ReadFile("../conformance/testdata/allocator.wasm")
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{8}
	for end := 8; end < len(code); ends = append(ends, end) {
		size, n := binary.Uvarint(code[end+1:])
		end += 1 + n + int(size)
	}
	for i := range code {
		_, err := Screen(code[:i], DefaultLimits())
		if !errors.Is(err, ErrMalformed) && (err != nil || !slices.Contains(ends, i)) {
			t.Errorf("cut off at %d: %v", i, err)
		}
	}
}

func BenchmarkScreen(b *testing.B) {
	code, err := os.ReadFile("../../plugins/jwt-auth/jwt-auth.wasm")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(code)))
	for b.Loop() {
		if _, err := Screen(code, DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
