// Package wasmtest writes modules down byte by byte, for tests: those that no toolchain would make.
package wasmtest

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// The types that stand in these modules.
const (
	I32    = 0x7f
	NoType = 0x40
)

const (
	typeSection     = 1
	functionSection = 3
	tableSection    = 4
	codeSection     = 10

	opBlock    = 0x02
	opLoop     = 0x03
	opEnd      = 0x0b
	opBrIf     = 0x0d
	opBrTable  = 0x0e
	opDrop     = 0x1a
	opLocalGet = 0x20
	opI32Const = 0x41
	opRefNull  = 0xd0
	opMisc     = 0xfc
)

// U32 is a number as WebAssembly writes it.
func U32(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// Sized puts the number of bytes before the parts.
func Sized(parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	return append(U32(len(content)), content...)
}

// Listed puts the number of entries before them.
func Listed(entries ...[]byte) []byte { return append(U32(len(entries)), slices.Concat(entries...)...) }

// Same is the same entry n times.
func Same(n int, entry ...byte) [][]byte { return slices.Repeat([][]byte{entry}, n) }

// Section is one section of a module.
func Section(id byte, content []byte) []byte { return append([]byte{id}, Sized(content)...) }

// Module is a module with these sections.
func Module(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

// Function is a module with one function of one parameter; locals and code are those of its body, without the last end.
func Function(locals []byte, code ...[]byte) []byte {
	return Functions(1, locals, code...)
}

// Functions is a module with n times the same function.
func Functions(n int, locals []byte, code ...[]byte) []byte {
	body := Sized(locals, slices.Concat(code...), []byte{opEnd})
	return Module(
		Section(typeSection, Listed([]byte{0x60, 1, I32, 0})),
		Section(functionSection, Listed(Same(n, 0)...)),
		Section(codeSection, Listed(Same(n, body...)...)),
	)
}

// BranchBomb has one br_table with so many targets.
func BranchBomb(targets int) []byte {
	table := slices.Concat([]byte{opLocalGet, 0, opBrTable}, U32(targets), make([]byte, targets+1))
	return Function([]byte{0}, table)
}

// NestingBomb has blocks inside of each other.
func NestingBomb(depth int) []byte {
	return Function([]byte{0}, bytes.Repeat([]byte{opBlock, NoType}, depth), bytes.Repeat([]byte{opEnd}, depth))
}

// SwitchBomb has a br_table with as many different targets: what a compiler makes of a switch.
func SwitchBomb(cases int) []byte {
	targets := []byte{}
	for i := range cases + 1 {
		targets = append(targets, U32(i)...)
	}
	return Function([]byte{0}, bytes.Repeat([]byte{opBlock, NoType}, cases),
		slices.Concat([]byte{opLocalGet, 0, opBrTable}, U32(cases), targets), bytes.Repeat([]byte{opEnd}, cases))
}

// LocalsBomb has functions with so many variables each.
func LocalsBomb(functionCount, variables int) []byte {
	return Functions(functionCount, Locals(variables))
}

// Locals is the declaration of n local variables.
func Locals(n int) []byte { return slices.Concat([]byte{1}, U32(n), []byte{I32}) }

// LoopBomb has loops inside of each other, and variables that all of them carry.
func LoopBomb(loops, variables int) []byte {
	use := []byte{}
	for i := range variables {
		use = slices.Concat(use, []byte{opLocalGet}, U32(i+1), []byte{opI32Const, 1, 0x6a, 0x21}, U32(i+1))
	}
	return Function(Locals(variables), bytes.Repeat([]byte{opLoop, NoType}, loops), use,
		bytes.Repeat([]byte{opLocalGet, 0, opBrIf, 0, opEnd}, loops))
}

// Named is a module with a name section for functions.
func Named(names []byte) []byte {
	return Module(Section(0, slices.Concat([]byte("\x04name\x01"), Sized(names))))
}

// LimitsOf are the limits of a table or memory without a maximum.
func LimitsOf(least int) []byte { return append([]byte{0}, U32(least)...) }

// Tables is a module with one table, and a function that grows it as often.
func Tables(grows int, limits []byte) []byte {
	body := Sized([]byte{0}, bytes.Repeat([]byte{opRefNull, 0x70, opI32Const, 1, opMisc, 15, 0, opDrop}, grows), []byte{opEnd})
	return Module(
		Section(typeSection, Listed([]byte{0x60, 0, 0})),
		Section(functionSection, Listed([]byte{0})),
		Section(tableSection, Listed(append([]byte{0x70}, limits...))),
		Section(codeSection, Listed(body)),
	)
}
