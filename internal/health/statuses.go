package health

import (
	"fmt"
	"strconv"
	"strings"
)

// Statuses is a set of HTTP statuses.
type Statuses []struct{ from, to int }

// ParseStatuses reads statuses (200), ranges (200-299) and classes (2xx).
func ParseStatuses(texts []string) (set Statuses, err error) {
	for _, text := range texts {
		from, to := text, text
		if class, ok := strings.CutSuffix(text, "xx"); ok {
			from, to = class+"00", class+"99"
		} else if a, b, ok := strings.Cut(text, "-"); ok {
			from, to = a, b
		}
		low, err1 := strconv.Atoi(from)
		high, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || low < 100 || high > 599 || low > high {
			return nil, fmt.Errorf("status %q: write one such as 200, a range such as 200-299, or a class such as 2xx", text)
		}
		set = append(set, struct{ from, to int }{low, high})
	}
	return set, nil
}

// Has reports whether the status is in the set.
func (s Statuses) Has(status int) bool {
	for _, r := range s {
		if r.from <= status && status <= r.to {
			return true
		}
	}
	return false
}
