package process

import "slices"

// Quantile of some numbers, which are not changed.
func Quantile[T int64 | float64](numbers []T, q float64) T {
	sorted := slices.Sorted(slices.Values(numbers))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
