// Package http1 is the HTTP/1.1 client of the upstream path: the goroutine that sends a request reads its response.
//
// A Client is the connections to one backend and an http.RoundTripper. No connection has a goroutine of its own, idle or
// busy; one is started only for a request whose body has yet to arrive, so that the response may begin before the body
// ends. Nothing is guessed: what two readers could take differently (RFC 9112, sections 6 and 11) is an error, and a
// connection on which anything unexpected has happened is closed.
//
// The same table of hygiene tests, http1test, runs against this client, against http.Transport and through the gateway.
package http1
