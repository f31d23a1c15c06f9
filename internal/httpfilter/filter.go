// Package httpfilter runs one HTTP exchange through one Proxy-Wasm plugin. It knows net/http, not Caddy.
package httpfilter

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/pluginwatch"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Options are what an embedder adds to a filter.
type Options struct {
	// About says what is known of a request; it is asked once, before the first callback. It may be nil, as any of the
	// following.
	About func(r *http.Request) About
	// Property answers properties that nobody else does.
	Property func(r *http.Request, path string) (value string, ok bool)
	// Var answers the embedder's variables of a request (metadata.filter_metadata.caddy.NAME).
	Var func(r *http.Request, name string) (value string, ok bool)
	// UpstreamAddress is where a proxy that does not tell by filterstate.State has sent the request, as host:port.
	UpstreamAddress func(r *http.Request) string
	// LocalCertificate is the certificate that the client was shown; nil when it is not known.
	LocalCertificate func(r *http.Request) *x509.Certificate
	// ErrorStatus is the status that an error of the chain will become. Without it plugins do not see errors.
	ErrorStatus func(err error) int
	// Set is told of every property that a guest sets.
	Set func(r *http.Request, path, value string)
	// Hosts lists the addresses of an upstream's endpoints. It may be nil.
	Hosts func(upstream string) []string
	// Log is the embedder's logger; nil logs nothing.
	Log *zap.Logger
}

// Next is the rest of the chain.
type Next func(http.ResponseWriter, *http.Request) error

// Filter is a plugin as a step in a chain of HTTP handlers.
type Filter struct {
	plugin  *plugin.Context
	options Options
}

// New returns a filter. It keeps c, which the embedder releases when the filter is not used any more.
func New(c *plugin.Context, o Options) *Filter {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Filter{plugin: c, options: o}
}

// Error is a request that the filter ends without an answer of its own: the embedder writes one.
type Error struct {
	Status int
	Reason string // for logs and the error page
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return e.Reason + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Outcomes that end a request inside of a callback's phase; ServeHTTP turns them into what the client gets.
var (
	errPauseTimeout = errors.New("the plugin held the request for longer than its pause_timeout")
	errLocalReply   = errors.New("the plugin answers the request itself")
	errAborted      = errors.New("the plugin closed the stream")
	errEnded        = errors.New("the exchange has ended")
)

// ServeHTTP runs the request callbacks, the rest of the chain, and the response callbacks as it answers. The end of the
// stream (on_log, on_done, on_delete) comes before it returns, on every way out.
//
// It panics with http.ErrAbortHandler when the exchange must be cut, and passes on the panics of next.
func (f *Filter) ServeHTTP(w http.ResponseWriter, r *http.Request, next Next) error {
	return f.ServeWatched(nil, w, r, next)
}

// ServeWatched is ServeHTTP for a request that somebody looks at, unless watch is nil.
func (f *Filter) ServeWatched(watch *pluginwatch.Watch, w http.ResponseWriter, r *http.Request, next Next) error {
	x := newExchange(f, w, r)
	if watch != nil {
		x.record = watch.Begin(f.plugin.Name(), f.plugin.FailOpen())
	}
	stream, err := f.plugin.NewStream(x.shown())
	if err != nil {
		x.record.Unavailable(err)
		if f.plugin.FailOpen() {
			x.judge(filterstate.Skipped, 0)
			return next(w, r)
		}
		x.judge(filterstate.Failed, 0)
		return x.conclude(f.failed(err))
	}
	x.stream = stream
	defer x.finish()
	return x.serve(next)
}

func (f *Filter) failed(err error) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Reason: fmt.Sprintf("plugin %s failed", f.plugin.Name()), Err: err}
}

// serve is the life of an exchange, phase by phase.
func (x *exchange) serve(next Next) error {
	x.entered.Store(true)
	err := x.requestHeaders()
	if err == nil {
		err = x.requestBody()
	}
	if err == nil {
		err = x.serveNext(next)
	}
	if err == nil {
		err = x.response.end()
	}
	return x.conclude(err)
}

// serveNext calls the rest of the chain. What the plugin did meanwhile outweighs its error, and the panic of a proxy that
// cannot go on writing because of it: the client still gets the plugin's answer, or the reason's status.
func (x *exchange) serveNext(next Next) (err error) {
	defer func() {
		x.response.unwatch()
		stopped := x.stopped()
		if stopped == nil {
			return
		}
		if v := recover(); v != nil {
			if e, ok := v.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
				panic(v)
			}
		}
		err = stopped
	}()
	if err = next(&x.response, x.request); err != nil && x.stopped() == nil {
		err = x.shownError(err)
	}
	return err
}

// conclude gives the client what an outcome stands for.
func (x *exchange) conclude(err error) error {
	if err == nil || errors.Is(err, errCompleted) {
		return nil
	}
	failure := (*Error)(nil)
	switch {
	case errors.Is(err, errLocalReply):
		return x.conclude(x.sendReply())
	case errors.Is(err, errAborted):
		panic(http.ErrAbortHandler)
	case x.response.committed && x.request.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client is gone, nobody sees the end
	case x.response.committed:
		x.filter.options.Log.Error("cutting a response that cannot be completed",
			zap.String("plugin", x.filter.plugin.Name()), zap.Error(err))
		panic(http.ErrAbortHandler)
	case x.grpc && errors.As(err, &failure):
		x.failGRPC(failure)
		return nil
	case x.response.wroteHeader:
		x.response.reset() // the head of an answer that is not sent must not become that of the error page
	default:
		x.response.publish() // what a handler has set before it failed is on the error page
	}
	if f := x.filter.options.ErrorStatus; f != nil {
		x.errorStatus = f(err)
	}
	return err
}

// callbacks that concern the filter
func (x *exchange) has(c abi.Callback) bool { return x.active() && x.filter.plugin.Has(c) }
