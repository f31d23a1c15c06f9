package proxy

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/upstream"
	"github.com/loom-gateway/loom/modules/gateway"
)

// readIdleTimeout replaces the listener's read_idle_timeout for requests that may be silent by nature.
const readIdleTimeout = 24 * time.Hour

// pass is one request on its way through the proxy.
type pass struct {
	ctx    context.Context
	call   *upstream.Call
	body   io.Closer               // the client's; nil without one
	cancel context.CancelCauseFunc // nil without a timeout
	timer  *time.Timer             // nil without a timeout
	limit  time.Duration

	state *filterstate.State // nil when no plugin asks
	sent  time.Time          // when the endpoint got the request

	deadline    time.Time // of a gRPC client; zero when it has none
	restoreIdle func()    // nil when the idle timeout is the listener's

	logger    *zap.Logger
	idleLimit time.Duration        // of a stream
	idle      atomic.Pointer[idle] // nil before there is a stream

	writer    http.ResponseWriter
	continues bool           // the server says 100 by itself
	hints     sync.Mutex     // held while an informational response is passed on
	answered  bool           // no more of them
	response  *http.Response // nil before there is one
	latency   time.Duration  // until then
}

type passKey struct{}

func passOf(ctx context.Context) *pass {
	p, _ := ctx.Value(passKey{}).(*pass)
	return p
}

// begin lets a request in.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) *pass {
	p := &pass{
		writer: w, continues: saysContinue(r), call: h.upstream.Begin(), body: bodyOf(r), limit: time.Duration(h.Timeout), deadline: grpcDeadline(r),
		logger: h.shared.logger, idleLimit: cmp.Or(time.Duration(h.StreamIdleTimeout), defaultStreamIdleTimeout),
	}
	clientIP, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	p.call.HashOn(r.Header, clientIP)
	if h.upstream.ProxyProtocol() != "" {
		p.call.For(addresses(r, clientIP))
	}
	p.state = gateway.VarsOf(r.Context()).State()
	p.ctx = r.Context()
	if p.limit > 0 {
		p.ctx, p.cancel = context.WithCancelCause(p.ctx)
		p.timer = time.AfterFunc(p.limit, func() { p.cancel(context.DeadlineExceeded) })
	}
	p.mayRetry(h)
	if maySilent(r) {
		if reader, _ := caddyhttp.IdleTimeoutsFromContext(r.Context()); reader != nil {
			p.restoreIdle = reader.Override(max(readIdleTimeout, p.idleLimit), 0)
		}
	}
	return p
}

func (p *pass) end() {
	if p.timer != nil {
		p.timer.Stop()
		p.cancel(nil)
	}
	if p.restoreIdle != nil {
		p.restoreIdle()
	}
	if i := p.idle.Load(); i != nil {
		i.timer.Stop()
	}
	p.call.End()
	p.tellLatency()
}

// lift ends the timeout: the response has begun, and it may last, as long as it is not idle.
func (p *pass) lift(res *http.Response) {
	if p.timer != nil {
		p.timer.Stop()
	}
	if res.Body != nil && res.Body != http.NoBody {
		p.watch(res)
	}
}

// bodyMoves says that something of the request's body has come.
func (p *pass) bodyMoves() {
	if i := p.idle.Load(); i != nil {
		i.move()
	}
}

// timedOut reports whether the route's timeout ended the request.
func (p *pass) timedOut() bool {
	return p.timer != nil && errors.Is(context.Cause(p.ctx), context.DeadlineExceeded)
}

// tooLate reports whether a gRPC client should hear that its time is over: by its own deadline, or by the route's timeout.
func (p *pass) tooLate(req *http.Request) bool {
	return isGRPC(req.Header) && (p.timedOut() || !p.deadline.IsZero() && !time.Now().Before(p.deadline))
}

// maySilent reports whether the client may send nothing for a long time and still be there: gRPC streams, event
// streams, and WebSockets over HTTP/2 and HTTP/3, which are request bodies there.
func maySilent(r *http.Request) bool {
	return isGRPC(r.Header) || strings.Contains(r.Header.Get("Accept"), eventStream) ||
		r.Method == http.MethodConnect && r.ProtoMajor > 1
}

const eventStream = "text/event-stream"

// mayLast reports whether the response is a stream without an expected end.
func mayLast(res *http.Response) bool {
	return res.StatusCode == http.StatusSwitchingProtocols || isGRPC(res.Header) ||
		strings.HasPrefix(res.Header.Get("Content-Type"), eventStream)
}
