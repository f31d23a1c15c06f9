//go:build race

package conformance

// underRace tells whether the race detector watches, under which a compiler is some twenty times as slow.
const underRace = true
