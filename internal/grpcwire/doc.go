// Package grpcwire is gRPC's own layer over HTTP/2, as a client needs it: frames, deadlines and statuses.
//
// It follows https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. The connections are the caller's: the client
// of grpc-go would bring a pool of its own beside that of the upstreams.
package grpcwire
