// Package quantile reads quantiles from the buckets of histograms.
package quantile

// Of is the value below which the share q (0 to 1) of all values lies, as PromQL's histogram_quantile says it: values are
// taken to be spread evenly over their bucket. bounds are the upper bounds of the buckets, ascending, and counts how many
// values are in each; one more count is of values above the last bound, which is then what is known. 0 without values.
func Of(q float64, bounds []float64, counts []uint64) float64 {
	var all uint64
	for _, n := range counts {
		all += n
	}
	if all == 0 || len(bounds) == 0 {
		return 0
	}
	rank, below := q*float64(all), 0.0
	for i, n := range counts {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		if i >= len(bounds) {
			break
		}
		from := 0.0
		if i > 0 {
			from = bounds[i-1]
		}
		return from + (bounds[i]-from)*(rank-below)/float64(n)
	}
	return bounds[len(bounds)-1]
}
