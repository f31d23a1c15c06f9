// Package soak changes a running gateway under load of every protocol at once, and counts what is lost: requests, streams,
// memory, state. `go test` does it for a moment, `make soak` for ten minutes.
package soak
