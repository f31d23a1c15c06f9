// Package conformance holds Loom's host to the Proxy-Wasm ABI, statement by statement.
//
// TestConformance has a check for each statement that real plugins rely on: `make conformance` prints them and writes
// docs/conformance.md. The checks drive a gateway on a real server with the scripted probe (plugins/probe) or with small
// guests in WebAssembly text (testdata).
package conformance
