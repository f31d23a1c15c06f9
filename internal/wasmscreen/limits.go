package wasmscreen

// Limits bound the shape of a module. What is said of real modules is the most that any of 60 has that six toolchains built, among them
// coraza-proxy-wasm with 24 MB; of compiling, what wazero took on one busy core.
type Limits struct {
	// Types, Imports, Functions, Exports, Globals, DataSegments, Elements (segments) and ElementItems (their entries) are the most
	// in a module; Names is the most in its name section. The compiler keeps up to a hundred bytes for each. Defaults: 10,000 types
	// (real: 50), 1000 imports (93), 200,000 functions (16,000), 10,000 exports and globals (31), 200,000 data segments (Go's linker
	// makes 100,000), 10,000 segments of elements (1), 200,000 entries (16,000), 1,000,000 names.
	Types, Imports, Functions, Exports, Globals, DataSegments, Elements, ElementItems, Names int

	// Arity is the most parameters and results of one type. Default: 100 (real: 13).
	Arity int

	// Tables is the most tables. Default: 16; every toolchain makes one, or two with reference types.
	Tables int

	// TableEntries is what all tables together may grow to, 8 bytes each in every instance. Default: 1 Mi, which is 8 MiB (real: 20,000).
	TableEntries int

	// BodyBytes is the largest function, in bytes. Default: 1 MiB (real: 51,000).
	BodyBytes int

	// BodyLocals and AllLocals are the most local variables of a function and of all, 8 bytes each in the compiler: two bytes
	// of code can claim four billion of them. Defaults: 10,000 and 2,000,000 (real: 800 and 60,000).
	BodyLocals, AllLocals int

	// BranchTable and AllBranches are the most targets of one br_table and of all. Compiling takes the square of it: 16,000 targets
	// take 0.25s, 65,000 take 1.8s, 300,000 take 31s. Defaults: 16,384 and 4,000,000 (real: 1144 and 378,000).
	BranchTable, AllBranches int

	// Nesting is the most blocks inside of each other. It counts squared as well: 4000 take 0.06s, 8000 0.4s, 50,000 17s. Default: 4096
	// (real: 578; Go has a block for each point where a function can be resumed).
	Nesting int

	// Branches is the most blocks, loops, ifs and branches of one function, and BranchSquares the sum of its squares over all functions:
	// 10,000 ifs in 50 KB take 3.3s. A loop counts four, since what meters it is compiled as well: 8192 loops of three bytes take 1.3s
	// without and 16s with that. memory.fill and table.fill count two, since they are compiled to loops: 8000 of them take 1.7s.
	// Defaults: 8192 and 2e9 (real: 1640 and 1e8).
	Branches, BranchSquares int

	// LoopVariables is the most of (parameters and local variables) times (loops inside of each other) in one function. Each loop may
	// carry each variable, and compiling takes the square of that: 8000 take 0.4s, 200,000 in a module of 10 KB take 138s. Default: 8000
	// (real: 295).
	LoopVariables int

	// BranchVariables is the most of (parameters and local variables) times Branches in one function. Default: 1,000,000, which takes
	// 3s (real: 115,000).
	BranchVariables int

	// CallValues is the most of calls times Arity in one function: a call of two bytes may pass that many values.
	// Default: 1,000,000 (real: 6500).
	CallValues int
}

// DefaultLimits returns the defaults.
func DefaultLimits() Limits {
	return Limits{
		Types: 10_000, Imports: 1000, Functions: 200_000, Exports: 10_000, Globals: 10_000,
		DataSegments: 200_000, Elements: 10_000, ElementItems: 200_000, Names: 1_000_000,
		Arity: 100, Tables: 16, TableEntries: 1 << 20,
		BodyBytes: 1 << 20, BodyLocals: 10_000, AllLocals: 2_000_000,
		BranchTable: 16_384, AllBranches: 4_000_000, Nesting: 4096, Branches: 8192, BranchSquares: 2_000_000_000,
		LoopVariables: 8000, BranchVariables: 1_000_000, CallValues: 1_000_000,
	}
}
