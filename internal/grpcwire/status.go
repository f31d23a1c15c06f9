package grpcwire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
)

// Status is the end of a call.
type Status struct { //nolint:errname // gRPC's own word
	Code codes.Code
	Text string
}

func (s *Status) Error() string { return s.Code.String() + ": " + s.Text }

// StatusOf reads grpc-status and grpc-message. ok is false when there is no status.
func StatusOf(h http.Header) (s Status, ok bool) {
	text := h.Get("Grpc-Status")
	if text == "" {
		return Status{}, false
	}
	code, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return Status{codes.Unknown, "the response's grpc-status " + strconv.Quote(text) + " is not a number"}, true
	}
	message := h.Get("Grpc-Message")
	if plain, err := url.PathUnescape(message); err == nil {
		message = plain
	}
	return Status{codes.Code(code), message}, true
}

// Check finds out whether a response is one of gRPC; if not, its HTTP status stands for a status of gRPC.
func Check(res *http.Response) *Status {
	contentType := res.Header.Get("Content-Type")
	switch {
	case res.ProtoMajor < 2:
		return &Status{codes.Internal, "the server answered with " + res.Proto + ": gRPC needs HTTP/2"}
	case res.StatusCode != http.StatusOK:
		return &Status{fromHTTP(res.StatusCode), "the server answered with HTTP status " + res.Status}
	case !strings.HasPrefix(contentType, "application/grpc"):
		return &Status{codes.Unknown, fmt.Sprintf("the server answered with content-type %q", contentType)}
	}
	return nil
}

// fromHTTP is gRPC's own table for answers that do not come from a gRPC server.
func fromHTTP(status int) codes.Code {
	switch status {
	case http.StatusBadRequest:
		return codes.Internal
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.Unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codes.Unavailable
	}
	return codes.Unknown
}

// FromError is the status of a call that an error has ended.
func FromError(err error) Status {
	if s, ok := errors.AsType[*Status](err); ok {
		return *s
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Status{codes.DeadlineExceeded, "the call's time is over"}
	}
	var reset http2.StreamError
	if !errors.As(err, &reset) { // net/http's own type converts itself
		return Status{codes.Unavailable, err.Error()}
	}
	return Status{fromReset(reset.Code), "the server reset the stream: " + reset.Code.String()}
}

// fromReset is gRPC's own table for the error codes of HTTP/2.
func fromReset(code http2.ErrCode) codes.Code {
	switch code {
	case http2.ErrCodeRefusedStream:
		return codes.Unavailable
	case http2.ErrCodeCancel:
		return codes.Canceled
	case http2.ErrCodeEnhanceYourCalm:
		return codes.ResourceExhausted
	case http2.ErrCodeInadequateSecurity:
		return codes.PermissionDenied
	}
	return codes.Internal
}

// FormatTimeout is the value of grpc-timeout: at most eight digits and a unit.
func FormatTimeout(d time.Duration) string {
	const most = 99_999_999
	if ms := (d + time.Millisecond - 1) / time.Millisecond; ms <= most {
		return strconv.FormatInt(int64(ms), 10) + "m"
	}
	return strconv.FormatInt(min(int64(d/time.Second), most), 10) + "S"
}
