package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// grpcDeadlineExceeded is gRPC's status of what has taken too long.
const grpcDeadlineExceeded = "4"

func isGRPC(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "application/grpc")
}

// grpcDeadline is when the client of a gRPC request stops waiting, by its own header; zero when it does not say.
func grpcDeadline(r *http.Request) time.Time {
	if !isGRPC(r.Header) {
		return time.Time{}
	}
	timeout, ok := grpcTimeout(r.Header.Get("Grpc-Timeout"))
	if !ok {
		return time.Time{}
	}
	return time.Now().Add(timeout)
}

// grpcTimeout reads one to eight digits and a unit.
func grpcTimeout(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	units := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}
	unit, known := units[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if !known || err != nil {
		return 0, false
	}
	const most = 10 * 365 * 24 * time.Hour // 99999999H would overflow
	if n > uint64(most/unit) {
		return most, true
	}
	return time.Duration(n) * unit, true
}

// deadlineExceeded is how gRPC says that time is over: a response of headers only. An HTTP status in its place would
// reach the program as UNAVAILABLE, which clients retry.
func deadlineExceeded(req *http.Request) *http.Response {
	return grpcError(req, grpcDeadlineExceeded, "deadline exceeded at the gateway")
}

// overloaded is UNAVAILABLE, as Envoy answers: clients may send the call again, since nothing of it was sent, and the header
// says after how many milliseconds.
func overloaded(req *http.Request) *http.Response {
	res := grpcError(req, "14", "the limit of requests is reached at the gateway")
	res.Header["Grpc-Retry-Pushback-Ms"] = []string{retryAfter + "000"}
	return res
}

func grpcError(req *http.Request, status, message string) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK,
		Status:     "200 OK",
		Proto:      "HTTP/2.0",
		ProtoMajor: 2,
		Header:     http.Header{"Content-Type": {"application/grpc"}, "Grpc-Status": {status}, "Grpc-Message": {message}},
		Body:       http.NoBody,
		Request:    req,
	}
}
