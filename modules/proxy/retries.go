package proxy

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/gateway"
)

// provisionRetries reads what the handler says, or else its upstream.
func (h *Handler) provisionRetries(app *gateway.App) (err error) {
	if h.Retries == nil {
		h.policy = app.RetriesOf(h.Upstream)
		return nil
	}
	h.policy, err = h.Retries.Policy()
	return err
}

// mayRetry has the call sent again, until nobody waits for its response any more.
func (p *pass) mayRetry(h *Handler) {
	if h.policy == nil {
		return
	}
	until := p.deadline
	if p.limit > 0 {
		if end := time.Now().Add(p.limit); until.IsZero() || end.Before(until) {
			until = end
		}
	}
	p.call.Retry(h.policy, until)
}

// tellRetries corrects reverse_proxy's placeholder, which knows of one try.
func (p *pass) tellRetries(r *http.Request) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set(placeholderPrefix+"retries", max(0, p.call.Attempts()-1))
	}
}
