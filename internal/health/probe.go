package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/loom-gateway/loom/internal/grpcwire"
)

// Target is the endpoint that a probe goes to.
type Target struct {
	// URL of the endpoint, without a path.
	URL string
	// Transport sends the requests of HTTP and GRPC. It should not keep connections: a probe shows that new ones can be made.
	Transport http.RoundTripper
	// Dial connects, for TCP.
	Dial func(ctx context.Context) (net.Conn, error)
}

// Probe asks an endpoint once. The error says what is wrong with it.
type Probe func(ctx context.Context) error

// NewProbe makes the probe of a target, by settings that were checked and have their defaults.
func NewProbe(s Settings, t Target) (Probe, error) {
	switch s.Type {
	case TCP:
		return t.connect, nil
	case GRPC:
		return func(ctx context.Context) error { return t.askGRPC(ctx, s) }, nil
	}
	statuses, err := ParseStatuses(s.Statuses)
	if err != nil {
		return nil, err
	}
	body, err := regexp.Compile(s.Body)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if s.Body == "" {
		body = nil
	}
	return func(ctx context.Context) error { return t.askHTTP(ctx, s, statuses, body) }, nil
}

func (t Target) connect(ctx context.Context) error {
	conn, err := t.Dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

const (
	// maxBody of an answer that is searched, in bytes.
	maxBody = 64 << 10
	agent   = "loom-health-check"
)

func (t Target) askHTTP(ctx context.Context, s Settings, statuses Statuses, body *regexp.Regexp) error {
	req, err := http.NewRequestWithContext(ctx, s.Method, t.URL+s.Path, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", agent)
	for name, value := range s.Headers {
		req.Header.Set(name, value)
	}
	req.Host = s.Host
	res, err := t.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if !statuses.Has(res.StatusCode) {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	if body == nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	if !body.Match(text) {
		return fmt.Errorf("the body does not match %s", body)
	}
	return nil
}

func (t Target) askGRPC(ctx context.Context, s Settings) error {
	message, err := proto.Marshal(&healthpb.HealthCheckRequest{Service: s.Service})
	if err != nil {
		return err
	}
	body := bytes.NewReader(grpcwire.AppendMessage(nil, message))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL+healthpb.Health_Check_FullMethodName, body)
	if err != nil {
		return err
	}
	req.Host = s.Host
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {agent}}
	res, err := t.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return readGRPC(res)
}

func readGRPC(res *http.Response) error {
	if status := grpcwire.Check(res); status != nil {
		return status
	}
	reader := grpcwire.Reader{Body: res.Body, Encoding: res.Header.Get("Grpc-Encoding"), Max: maxBody}
	message, err := reader.Next()
	if errors.Is(err, io.EOF) { // the status of a response without a message is in the headers, or behind them
		for _, h := range []http.Header{res.Header, res.Trailer} {
			if status, ok := grpcwire.StatusOf(h); ok {
				return &status
			}
		}
	}
	if err != nil {
		return err
	}
	var answer healthpb.HealthCheckResponse
	if err := proto.Unmarshal(message, &answer); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("the server says %s", answer.GetStatus())
	}
	return nil
}
