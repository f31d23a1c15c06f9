package callout

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
	"github.com/loom-gateway/loom/internal/upstream"
)

// CallHTTP implements proxywasm.HTTPCaller.
func (c *Caller) CallHTTP(call proxywasm.HTTPCall, done func(proxywasm.HTTPCallResult)) (func(), error) {
	secure := strings.EqualFold(pseudo(call.Headers, ":scheme"), "https")
	u, err := c.find(call.Upstream, secure, upstream.HTTP)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout(call.Timeout))
	req, err := newRequest(ctx, call)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", proxywasm.ErrBadCall, err)
	}
	c.run(func() {
		defer cancel()
		result := send(u, req)
		if answered(ctx) {
			done(result)
		}
	})
	return cancel, nil
}

// send does the exchange. What fails before there is a response is answered as Envoy's router would.
func send(u *upstream.Upstream, req *http.Request) proxywasm.HTTPCallResult {
	call := u.Begin()
	defer call.End()
	res, err := call.RoundTrip(req)
	if err != nil {
		return failed(err, dispatchStatus(err), isOver(req.Context()))
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return failed(err, "reader failure", isOver(req.Context()))
	case len(body) > maxBody:
		return proxywasm.HTTPCallResult{
			Failure: "the response is larger than " + strconv.Itoa(maxBody) + " bytes", Dispatch: "reader failure",
		}
	}
	return proxywasm.HTTPCallResult{
		Headers: headersOf(res.StatusCode, res.Header), Trailers: pairsOf(res.Trailer), Body: body,
	}
}

// failed is the answer of a call without a response: 504 after a timeout, else 503, as plugins know it from Envoy.
func failed(err error, dispatch string, timeout bool) proxywasm.HTTPCallResult {
	status, text := http.StatusServiceUnavailable, "upstream connect error or disconnect"
	if timeout {
		status, text, dispatch = http.StatusGatewayTimeout, "upstream request timeout", "timeout"
	}
	return proxywasm.HTTPCallResult{
		Headers: []abi.Pair{
			{Name: ":status", Value: strconv.Itoa(status)},
			{Name: "content-length", Value: strconv.Itoa(len(text))},
			{Name: "content-type", Value: "text/plain"},
		},
		Body: []byte(text), Failure: err.Error(), Dispatch: dispatch,
	}
}

// isOver reports whether the call's own time is over. Then that is the reason, whatever the error says.
func isOver(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// dispatchStatus says what went wrong in the words of Kong's host.
func dispatchStatus(err error) string {
	var (
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		resolver    *net.DNSError
	)
	switch {
	case errors.As(err, &resolver):
		return "resolver failure"
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &record), errors.As(err, &alert),
		strings.Contains(err.Error(), "tls: "), strings.Contains(err.Error(), "TLS handshake"),
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "tls handshake failure"
	}
	return "broken connection"
}
