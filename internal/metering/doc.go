// Package metering writes into a module's code that it asks its host from time to time whether it may go on.
//
// A module has a counter. Each loop, each time round, and each function that calls others takes from it what it is about to do,
// counted in bytes of code, and when nothing is left calls the host, which fills the counter or ends the call. So all that a
// guest can do without end passes by the host, which needs no clock of its own meanwhile, no second goroutine, and no help from the
// engine.
package metering

// Module and Function name the import that is added to a module: a function without parameters whose result, an i32, is how much
// it may do until the next call.
const (
	Module   = "loom"
	Function = "slice"
)

// Slice is what the host should answer. A guest takes between 50µs and 5ms for it, as it has many or few instructions that take long.
const Slice = 1 << 18

// Added is how many functions stand between those that the module imports and its own.
const Added = 2

const (
	// small is the most bytes of a function that is not charged for itself, if it calls no others. Who calls it pays for it.
	small = 128
	// growing is what memory.grow costs. What it clears is bounded by the memory limit.
	growing = 1024
	// bulkShift makes bytes that are filled or copied, or entries of tables, into what they cost: 16 for one.
	bulkShift = 4
)
