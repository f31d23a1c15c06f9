package callout

import (
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

func TestACallHasNoUserAgentButThePluginsOwn(t *testing.T) {
	head := []abi.Pair{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: "auth.test"}}
	for agent, call := range map[string]proxywasm.HTTPCall{
		"":     {Headers: head, Timeout: time.Second},
		"mine": {Headers: append(head, abi.Pair{Name: "user-agent", Value: "mine"}), Timeout: time.Second},
	} {
		req, err := newRequest(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		if _, named := req.Header["User-Agent"]; !named || req.UserAgent() != agent {
			t.Errorf("User-Agent %q, in the header: %v; want %q", req.UserAgent(), named, agent)
		}
	}
}
