package wasmscreen

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Modules that are written down byte by byte.

func u32(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// sized puts the number of bytes before the parts.
func sized(parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	return append(u32(len(content)), content...)
}

// listed puts the number of entries before them.
func listed(entries ...[]byte) []byte { return append(u32(len(entries)), slices.Concat(entries...)...) }

func same(n int, entry ...byte) [][]byte { return slices.Repeat([][]byte{entry}, n) }

func section(id byte, content []byte) []byte { return append([]byte{id}, sized(content)...) }

func module(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

const (
	i32    = 0x7f
	noType = 0x40
)

// function is a module with one function of one parameter; locals and code are those of its body, without the last end.
func function(locals []byte, code ...[]byte) []byte {
	return functions(1, locals, code...)
}

// functions is a module with n times the same function.
func functions(n int, locals []byte, code ...[]byte) []byte {
	body := sized(locals, slices.Concat(code...), []byte{opEnd})
	return module(
		section(typeSection, listed([]byte{0x60, 1, i32, 0})),
		section(functionSection, listed(same(n, 0)...)),
		section(codeSection, listed(same(n, body...)...)),
	)
}

func branchBomb(targets int) []byte {
	table := slices.Concat([]byte{opLocalGet, 0, opBrTable}, u32(targets), make([]byte, targets+1))
	return function([]byte{0}, table)
}

func nestingBomb(depth int) []byte {
	return function([]byte{0}, bytes.Repeat([]byte{opBlock, noType}, depth), bytes.Repeat([]byte{opEnd}, depth))
}

// switchBomb has a br_table with as many different targets: what a compiler makes of a switch.
func switchBomb(cases int) []byte {
	targets := []byte{}
	for i := range cases + 1 {
		targets = append(targets, u32(i)...)
	}
	return function([]byte{0}, bytes.Repeat([]byte{opBlock, noType}, cases),
		slices.Concat([]byte{opLocalGet, 0, opBrTable}, u32(cases), targets), bytes.Repeat([]byte{opEnd}, cases))
}

func localsBomb(functionCount, variables int) []byte {
	return functions(functionCount, locals(variables))
}

// locals is the declaration of n local variables.
func locals(n int) []byte { return slices.Concat([]byte{1}, u32(n), []byte{i32}) }

// loopBomb has loops inside of each other, and variables that all of them carry.
func loopBomb(loops, variables int) []byte {
	use := []byte{}
	for i := range variables {
		use = slices.Concat(use, []byte{opLocalGet}, u32(i+1), []byte{opI32Const, 1, 0x6a, 0x21}, u32(i+1))
	}
	return function(locals(variables), bytes.Repeat([]byte{opLoop, noType}, loops), use,
		bytes.Repeat([]byte{opLocalGet, 0, opBrIf, 0, opEnd}, loops))
}

// named is a module with a name section for functions.
func named(names []byte) []byte {
	return module(section(customSection, slices.Concat([]byte("\x04name\x01"), sized(names))))
}

func limitsOf(least int) []byte { return append([]byte{0}, u32(least)...) }

// tables is a module with one table, and a function that grows it as often.
func tables(grows int, limits []byte) []byte {
	body := sized([]byte{0}, bytes.Repeat([]byte{opRefNull, 0x70, opI32Const, 1, opMisc, 15, 0, opDrop}, grows), []byte{opEnd})
	return module(
		section(typeSection, listed([]byte{0x60, 0, 0})),
		section(functionSection, listed([]byte{0})),
		section(tableSection, listed(append([]byte{0x70}, limits...))),
		section(codeSection, listed(body)),
	)
}
