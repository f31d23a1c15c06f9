// Package upstream sends requests to a named group of backends: endpoints, balancing and connection pools.
//
// One Upstream serves every route that names it. A request passes through it as a Call:
//
//	call := u.Begin()
//	defer call.End() // when the response is fully read, or the upgraded connection is closed
//	res, err := call.RoundTrip(req)
//
// The Call picks an endpoint, and another one when the connection to the first could not be made; nothing was sent
// then, so this is safe for every method. Close drains: connections are closed when the last Call has ended.
package upstream
