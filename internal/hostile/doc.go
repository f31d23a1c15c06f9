// Package hostile runs plugins that mean harm in a live gateway, beside a route that must not feel them.
//
// All of it is test code. Every behaviour of a hostile plugin is tried in every callback in which it can be, and under
// every failure policy: `make hostile` runs all of it and writes the table of docs/security.md, `go test` runs one case
// of each behaviour.
package hostile
