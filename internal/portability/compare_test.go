package portability

import (
	"fmt"
	"slices"
	"strings"
)

// diff returns the lines that stand only in a and only in b, by their longest common subsequence.
func diff(a, b []string) (onlyA, onlyB []string) {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			onlyA, i = append(onlyA, a[i]), i+1
		default:
			onlyB, j = append(onlyB, b[j]), j+1
		}
	}
	return append(onlyA, a[i:]...), append(onlyB, b[j:]...)
}

// unlisted returns what differs without being listed, and what is listed without differing, as lines to read.
func (s *scenario) unlisted(envoy, loom []string) []string {
	onlyEnvoy, onlyLoom := diff(envoy, loom)
	var listedEnvoy, listedLoom []string
	for _, d := range s.differences {
		listedEnvoy, listedLoom = append(listedEnvoy, d.Envoy...), append(listedLoom, d.Loom...)
	}
	var out []string
	report := func(found, listed []string, side string) {
		for _, l := range minus(found, listed) {
			out = append(out, fmt.Sprintf("only %s, and not listed: '%s'", side, strings.ReplaceAll(l, "'", "''")))
		}
		for _, l := range minus(listed, found) {
			out = append(out, fmt.Sprintf("listed as only %s, but it is not so: '%s'", side, l))
		}
	}
	report(onlyEnvoy, listedEnvoy, "Envoy")
	report(onlyLoom, listedLoom, "Loom")
	return out
}

// minus takes each line of b once out of a.
func minus(a, b []string) []string {
	rest := slices.Clone(a)
	for _, l := range b {
		if i := slices.Index(rest, l); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return rest
}
