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
	"github.com/loom-gateway/loom/internal/wasmscreen/wasmtest"
)

// Modules that take a compiler minutes or gigabytes, each of a few hundred KB at most.
func TestBombs(t *testing.T) {
	fill := []byte{opI32Const, 0, opI32Const, 0, opI32Const, 0, opMisc, 11, 0}
	tests := map[string]struct {
		code []byte
		want string
	}{
		"a br_table":                {wasmtest.BranchBomb(300_000), "300000 targets in one br_table, more than the limit of 16384"},
		"many br_tables":            {wasmtest.Functions(400, []byte{0}, []byte{opLocalGet, 0, opBrTable}, wasmtest.U32(16_000), make([]byte, 16_001)), "targets in all br_tables"},
		"a switch":                  {wasmtest.SwitchBomb(10_000), "4097 blocks inside of each other"},
		"nested blocks":             {wasmtest.NestingBomb(50_000), "4097 blocks inside of each other in one function, more than the limit of 4096"},
		"ifs":                       {wasmtest.Function([]byte{0}, bytes.Repeat([]byte{opLocalGet, 0, opIf, wasmtest.NoType, opEnd}, 10_000)), "10000 blocks and branches in one function"},
		"loops":                     {wasmtest.Function([]byte{0}, bytes.Repeat([]byte{opLoop, wasmtest.NoType, opEnd}, 2049)), "8196 blocks and branches in one function"},
		"fills":                     {wasmtest.Function([]byte{0}, bytes.Repeat(fill, 4097)), "8194 blocks and branches in one function"},
		"ifs in many functions":     {wasmtest.Functions(100, []byte{0}, bytes.Repeat([]byte{opLocalGet, 0, opIf, wasmtest.NoType, opEnd}, 8000)), "squares"},
		"variables in nested loops": {wasmtest.LoopBomb(200, 1000), "variables times loops"},
		"variables at many ifs":     {wasmtest.Function(wasmtest.Locals(5000), bytes.Repeat([]byte{opLocalGet, 0, opIf, wasmtest.NoType, opEnd}, 5000)), "variables times blocks"},
		"locals":                    {wasmtest.LocalsBomb(1, 1<<32-1), "4294967295 local variables in one function, more than the limit of 10000"},
		"locals in many functions":  {wasmtest.LocalsBomb(1000, 10_000), "local variables in all of its functions"},
		"a large function":          {wasmtest.Function([]byte{0}, make([]byte, 1<<20)), "bytes in one function"},
		"functions":                 {wasmtest.Functions(200_001, []byte{0}), "200001 functions, more than the limit of 200000"},
		"types":                     {wasmtest.Module(wasmtest.Section(typeSection, wasmtest.Listed(wasmtest.Same(10_001, 0x60, 0, 0)...))), "10001 types"},
		"a group of types":          {wasmtest.Module(wasmtest.Section(typeSection, wasmtest.Listed(slices.Concat([]byte{0x4e}, wasmtest.Listed(wasmtest.Same(10_001, 0x60, 0, 0)...))))), "types"},
		"parameters":                {wasmtest.Module(wasmtest.Section(typeSection, wasmtest.Listed(slices.Concat([]byte{0x60}, wasmtest.Listed(wasmtest.Same(101, wasmtest.I32)...), []byte{0})))), "101 parameters and results"},
		"imports":                   {wasmtest.Module(wasmtest.Section(importSection, wasmtest.Listed(wasmtest.Same(1001, 0, 0, 0, 0)...))), "1001 imports"},
		"exports":                   {wasmtest.Module(wasmtest.Section(exportSection, wasmtest.Listed(wasmtest.Same(10_001, 0, 0, 0)...))), "10001 exports"},
		"globals":                   {wasmtest.Module(wasmtest.Section(globalSection, wasmtest.Listed(wasmtest.Same(10_001, wasmtest.I32, 0, opI32Const, 0, opEnd)...))), "10001 globals"},
		"data segments":             {wasmtest.Module(wasmtest.Section(dataSection, wasmtest.Listed(wasmtest.Same(200_001, 1, 0)...))), "200001 data segments"},
		"element segments":          {wasmtest.Module(wasmtest.Section(elementSection, wasmtest.Listed(wasmtest.Same(10_001, 1, 0, 0)...))), "10001 element segments"},
		"elements":                  {wasmtest.Module(wasmtest.Section(elementSection, wasmtest.Listed(slices.Concat([]byte{1, 0}, wasmtest.Listed(wasmtest.Same(200_001, 0)...))))), "200001 entries in element segments"},
		"names":                     {wasmtest.Named(wasmtest.Listed(wasmtest.Same(1_000_001, 0, 0)...)), "1000001 names"},
		"memories":                  {wasmtest.Module(wasmtest.Section(memorySection, wasmtest.Listed(wasmtest.Same(2, 0, 0)...))), "2 memories"},
		"tables":                    {wasmtest.Module(wasmtest.Section(tableSection, wasmtest.Listed(wasmtest.Same(17, 0x70, 0, 0)...))), "17 tables"},
		"a large table":             {wasmtest.Tables(0, wasmtest.LimitsOf(1<<20+1)), "1048577 entries in its tables"},
		"a table that grows":        {wasmtest.Tables(1, []byte{0, 1}), "grows table 0 (table.grow), which has no maximum"},
		"a table that grows far":    {wasmtest.Tables(1, slices.Concat([]byte{1, 1}, wasmtest.U32(1<<24))), "16777216 entries in its tables"},
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
		"a table that might grow, and does not": wasmtest.Tables(0, []byte{0, 1}),
		"a table that grows within its limit":   wasmtest.Tables(1, slices.Concat([]byte{1, 1}, wasmtest.U32(1000))),
		"a switch":                              wasmtest.SwitchBomb(4000),
		"loops":                                 wasmtest.LoopBomb(5, 1000),
		"loops one after the other":             wasmtest.Function([]byte{0}, bytes.Repeat([]byte{opLoop, wasmtest.NoType, opEnd}, 2048)),
		"blocks one after the other":            wasmtest.Function([]byte{0}, bytes.Repeat([]byte{opBlock, wasmtest.NoType, opEnd}, 8000)),
	} {
		if _, err := Screen(code, DefaultLimits()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	body := func(body ...byte) []byte {
		return wasmtest.Module(wasmtest.Section(typeSection, wasmtest.Listed([]byte{0x60, 0, 0})), wasmtest.Section(functionSection, []byte{1, 0}), wasmtest.Section(codeSection, body))
	}
	for name, code := range map[string][]byte{
		"nothing":                         nil,
		"a section that claims more":      wasmtest.Module([]byte{typeSection, 5, 0}),
		"a section that claims less":      wasmtest.Module([]byte{typeSection, 1, 1, 0x60, 0, 0}),
		"a list that claims more":         wasmtest.Module(wasmtest.Section(typeSection, wasmtest.U32(1<<32-1))),
		"names that claim more":           wasmtest.Named(wasmtest.U32(1<<32 - 1)),
		"a number of six bytes":           wasmtest.Module(wasmtest.Section(typeSection, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0})),
		"a number of more than 32 bits":   wasmtest.Module(wasmtest.Section(typeSection, []byte{0x80, 0x80, 0x80, 0x80, 0x10})),
		"a section twice":                 wasmtest.Module(wasmtest.Section(typeSection, []byte{0}), wasmtest.Section(typeSection, []byte{0})),
		"sections in another order":       wasmtest.Module(wasmtest.Section(importSection, []byte{0}), wasmtest.Section(typeSection, []byte{0})),
		"a section that nobody knows":     wasmtest.Module(wasmtest.Section(14, nil)),
		"functions without bodies":        wasmtest.Module(wasmtest.Section(typeSection, wasmtest.Listed([]byte{0x60, 0, 0})), wasmtest.Section(functionSection, []byte{1, 0})),
		"a body that claims more":         body(1, 9, 0, opEnd),
		"a body that claims less":         body(1, 2, 0, opEnd, opEnd),
		"a body without an end":           body(1, 2, 0, 1),
		"a body with two ends":            body(1, 3, 0, opEnd, opEnd),
		"a body that ends in a block":     body(1, 4, 0, opBlock, wasmtest.NoType, opEnd),
		"an end that is an immediate":     body(1, 3, 0, opI32Const, opEnd),
		"a br_table that claims more":     body(1, 9, 0, opBrTable, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, opEnd),
		"locals that claim more":          body(1, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, opEnd),
		"a table without an initial size": wasmtest.Module(wasmtest.Section(tableSection, []byte{1, 0x70})),
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
		"a tail call":       {wasmtest.Function([]byte{0}, []byte{0x12, 0}), "tail-call"},
		"an atomic":         {wasmtest.Function([]byte{0}, []byte{0xfe, 0x03, 0}), "threads"},
		"a throw":           {wasmtest.Function([]byte{0}, []byte{0x08, 0}), "exception handling"},
		"a tag section":     {wasmtest.Module(wasmtest.Section(tagSection, []byte{1, 0, 0})), "exceptions"},
		"a struct":          {wasmtest.Module(wasmtest.Section(typeSection, []byte{1, 0x5f, 0})), "garbage collection"},
		"a type of garbage": {wasmtest.Module(wasmtest.Section(typeSection, []byte{1, 0x60, 1, 0x6d, 0})), "garbage collection"},
		"garbage":           {wasmtest.Function([]byte{0}, []byte{0xfb, 0}), "garbage collection"},
		"a 64-bit memory":   {wasmtest.Module(wasmtest.Section(memorySection, []byte{1, 4, 0})), "64-bit"},
		"a number too long": {wasmtest.Function([]byte{0}, []byte{opBlock, 0x80, 0x80, 0x80, 0x80, 0x80}), "33 bits"},
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
