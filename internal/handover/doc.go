// Package handover lets servers follow one another on an address without a client noticing: they share one listening
// socket, and a server that shuts down passes its idle connections, and requests that no handler has seen, to the next.
//
// [Socket] has the listening socket, [Server] follows the connections of one http.Server, and [Registry] knows which
// listener is the next.
package handover
