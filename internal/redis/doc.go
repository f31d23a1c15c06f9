// Package redis sends commands to a Redis server and hands its replies back, both as Redis' own bytes (RESP).
//
// Plugins write and read those bytes themselves. What a server sends is bounded before it is kept, which the libraries
// for RESP do not do: they allocate whatever length a reply announces.
package redis
