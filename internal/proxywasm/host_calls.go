package proxywasm

import (
	"errors"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Errors of the callers. Each becomes the status that the SDKs know for it; every other error is an internal failure.
var (
	// ErrUnknownUpstream is a name that no upstream has, or an address that the plugin may not call.
	ErrUnknownUpstream = errors.New("unknown upstream")
	// ErrBadCall is a call that cannot be sent as the guest wants it.
	ErrBadCall = errors.New("bad call")
	// ErrTooMany is a call or a message above a limit.
	ErrTooMany = errors.New("too many")
)

// HTTPCall is a request that a guest makes by itself (ABI: proxy_http_call).
type HTTPCall struct {
	Upstream          string // as the guest named it
	Headers, Trailers []abi.Pair
	Body              []byte
	Timeout           time.Duration // 0: the host's maximum
}

// HTTPCallResult is the answer. Without one, Failure says why, and Headers and Body are what Envoy would answer instead.
type HTTPCallResult struct {
	Headers, Trailers []abi.Pair
	Body              []byte
	Failure           string
	// Dispatch is the failure in the words of Kong's host, which guests read as the header :dispatch_status.
	Dispatch string
}

// HTTPCaller sends the requests that guests make.
type HTTPCaller interface {
	// CallHTTP sends call and later calls done, once, on another goroutine. After cancel done has no effect.
	CallHTTP(call HTTPCall, done func(HTTPCallResult)) (cancel func(), err error)
}

// GRPCCall is a gRPC call that a guest makes by itself (ABI: proxy_grpc_call, proxy_grpc_stream).
type GRPCCall struct {
	Upstream        string // as the guest named it: a name, or a serialized Envoy GrpcService
	Service, Method string
	Metadata        []abi.Pair
	Message         []byte        // of a unary call
	Timeout         time.Duration // of a unary call; 0: the host's maximum
}

// GRPCResult is the end of a unary call: a message, or a status other than OK with its text.
type GRPCResult struct {
	Message []byte
	Code    uint32
	Text    string
}

// GRPCHandler is told what arrives on a stream, in this order, one call at a time on a goroutine of the caller.
// After GRPCStream.Cancel its methods have no effect.
type GRPCHandler interface {
	InitialMetadata(pairs []abi.Pair)
	Message(message []byte)
	TrailingMetadata(pairs []abi.Pair)
	// Closed comes once and is the last.
	Closed(code uint32, text string)
}

// GRPCStream is an open gRPC stream. Its methods do not block.
type GRPCStream interface {
	// Send queues a message, which it copies. ErrTooMany when the server does not take what was sent before.
	Send(message []byte) error
	// CloseSend says that no more messages come.
	CloseSend()
	// Cancel ends the stream at once.
	Cancel()
}

// GRPCCaller makes the gRPC calls of guests.
type GRPCCaller interface {
	// CallGRPC makes a unary call and later calls done, once, on another goroutine. After cancel done has no effect.
	CallGRPC(call GRPCCall, done func(GRPCResult)) (cancel func(), err error)
	// StreamGRPC opens a stream.
	StreamGRPC(call GRPCCall, h GRPCHandler) (GRPCStream, error)
}

// RedisService is how a guest wants to talk to a Redis server (Higress: proxy_redis_init).
type RedisService struct {
	Name               string // an upstream, perhaps with ?db=N
	Username, Password string
	Timeout            time.Duration // of one command; 0: the host's maximum
}

// RedisResult is the reply as Redis' own bytes (RESP). Failure is empty or says why there is none.
type RedisResult struct {
	Reply   []byte
	Failure string
}

// RedisCaller sends the Redis commands of guests.
type RedisCaller interface {
	// InitRedis makes a service known. It opens no connection.
	InitRedis(s RedisService) error
	// CallRedis sends one command (RESP) to a service and later calls done, once, on another goroutine. After cancel
	// done has no effect.
	CallRedis(service string, command []byte, done func(RedisResult)) (cancel func(), err error)
}
