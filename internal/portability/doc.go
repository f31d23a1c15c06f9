// Package portability sends the same requests to the same plugins through Loom and through Envoy, and compares.
//
// All of it is test code. The scenarios are in testdata/scenarios, a file for each part of the interface; what they found
// is docs/portability.md, which `make portability` writes.
package portability
