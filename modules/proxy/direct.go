package proxy

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/upstream"
)

// The direct way carries what is common: a request whose response is copied to the client. It does what reverse_proxy does for
// one, without a logger and placeholders made for each. Upgrades, WebSockets over HTTP/2 and HTTP/3, gRPC, and upstreams that
// do not use Loom's engine take the composed way.

// goesDirect reports whether a request takes the direct way.
func (h *Handler) goesDirect(r *http.Request) bool {
	return h.shared.direct && r.Method != http.MethodConnect && len(r.Header["Upgrade"]) == 0 &&
		len(r.Header["Incremental"]) == 0 && !isGRPC(r.Header)
}

// usesEngine reports whether requests to the upstream go over HTTP/1.1 by Loom's engine, or may do so.
func usesEngine(u *upstream.Upstream) bool {
	return u.Engine() == upstream.EngineLoom && (u.Protocol() == upstream.HTTP || u.Protocol() == upstream.HTTPS)
}

// direct sends the request and copies the response.
func (h *Handler) direct(p *pass, w http.ResponseWriter, r *http.Request) error {
	p.offerPlaceholders(r)
	req, err := p.forward(r)
	if err != nil {
		return caddyhttp.Error(http.StatusBadRequest, err)
	}
	p.begins()
	p.call.Inform(p.hint)
	res, err := p.call.RoundTrip(req)
	p.endHints()
	p.tellPlugins(res)
	if err != nil {
		return p.refuse(err)
	}
	p.response, p.latency = res, time.Since(p.sent)
	makeRoom(res, r)
	p.letGo(res)
	if mayLast(res) {
		p.lift(res)
	}
	return h.answer(w, res)
}

// refuse says why there is no response. A client that has gone away hears nothing; the access log has it as 499.
func (p *pass) refuse(err error) error {
	err = p.tellFailure(p.withStatus(err))
	if errors.Is(err, context.Canceled) {
		p.writer.WriteHeader(statusClientGone)
		return nil
	}
	return err
}

// statusClientGone is what nginx made known for a client that did not wait for its response.
const statusClientGone = 499

// hint passes an informational response on.
func (p *pass) hint(status int, header http.Header) error {
	if status == http.StatusContinue && p.continues {
		return nil
	}
	p.hints.Lock()
	defer p.hints.Unlock()
	if p.answered { // net/http may still be reading when it has given up
		return nil
	}
	own := p.writer.Header()
	before := own.Clone()
	removeHopByHop(header)
	addAll(own, header)
	p.writer.WriteHeader(status)
	clear(own)
	addAll(own, before)
	return nil
}

func (p *pass) endHints() {
	p.hints.Lock()
	p.answered = true
	p.hints.Unlock()
}
