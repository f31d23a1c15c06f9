package ratelimit

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"google.golang.org/grpc/codes"
)

// refusal is how a request is refused, over HTTP and over gRPC.
type refusal struct {
	status  int
	code    codes.Code
	message string
	retry   time.Duration // when the client may come again; 0: it is not told
}

func overLimit(retry time.Duration) refusal {
	return refusal{http.StatusTooManyRequests, codes.ResourceExhausted, "over the rate limit", max(retry, time.Millisecond)}
}

func withoutKey() refusal {
	return refusal{http.StatusBadRequest, codes.InvalidArgument, "what the rate limit counts by is missing", 0}
}

func withoutStore() refusal {
	return refusal{http.StatusServiceUnavailable, codes.Unavailable, "the rate limit cannot be checked", time.Second}
}

// refuse answers a gRPC call, for whose client 429 would be UNAVAILABLE, and returns the error of any other request.
func (f refusal) refuse(w http.ResponseWriter, r *http.Request) error {
	if f.retry > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(seconds(f.retry), 10))
	}
	kind := r.Header.Get("Content-Type")
	if !strings.HasPrefix(kind, "application/grpc") {
		return caddyhttp.Error(f.status, errors.New(f.message))
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Grpc-Status", strconv.Itoa(int(f.code)))
	h.Set("Grpc-Message", f.message)
	if f.retry > 0 {
		h.Set("Grpc-Retry-Pushback-Ms", strconv.FormatInt((f.retry+time.Millisecond-1).Milliseconds(), 10))
	}
	w.WriteHeader(http.StatusOK) // and no body: these are the trailers
	return nil
}
