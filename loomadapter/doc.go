// Package loomadapter turns a loom.yaml into Caddy's JSON.
//
// The steps, a file each: decode (bytes to Document, with positions), validate (what is wrong with it, without touching
// a file), files (the .wasm files that it names), convert (to the modules' own structs). All problems are reported at once.
package loomadapter
