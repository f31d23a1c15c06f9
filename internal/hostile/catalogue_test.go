package hostile

import "slices"

// catalogue is every behaviour, by its number.
func catalogue() []*behaviour {
	return slices.Concat(cpu(), memory(), compile(), hostcalls(), growth(), calls())
}
