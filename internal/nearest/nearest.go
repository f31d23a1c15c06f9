// Package nearest finds the valid word that somebody probably meant.
package nearest

import "strings"

// Word returns the word of valid that is nearest to got, or "" when none is near enough to be meant.
//
// Near is at most a third of the letters, two at the least, added, dropped, changed or swapped with the neighbour.
// Upper and lower case count as the same, as do `-` and `_`. The first of equally near words wins.
func Word(got string, valid []string) string {
	folded := fold(got)
	best, least := "", max(2, len(folded)/3)+1
	for _, word := range valid {
		if d := distance(folded, fold(word)); d < least && d < len(word) {
			best, least = word, d
		}
	}
	return best
}

func fold(word string) string {
	return strings.ReplaceAll(strings.ToLower(word), "-", "_")
}

// distance counts the edits between two words: the optimal string alignment of Damerau and Levenshtein.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
