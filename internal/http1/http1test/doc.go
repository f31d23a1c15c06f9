// Package http1test is the hygiene of a path to HTTP/1.1 backends as one table, for every engine that Loom has: each case is
// a backend on a raw socket, a request, and what its sender must see.
//
// An outcome is written as one line: the status and the body, `refused` when there is no response (behind a gateway: 502),
// `broken` when the response breaks off. After it stands what the next request finds: the same connection, or a new one.
package http1test
