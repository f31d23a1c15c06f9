package hostile

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/loom-gateway/loom/internal/freeport"
)

// kit is a running gateway with a neighbour under load, and all that the trials need.
type kit struct {
	t                              *testing.T
	folder                         string
	address, loomAdmin, caddyAdmin string
	gateway                        *gateway
	backend                        *backend
	traffic                        *traffic
	canary                         *canary
	base                           usage
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{t: t, folder: t.TempDir(), backend: newBackend(t), canary: newCanary(t)}
	k.address, k.loomAdmin, k.caddyAdmin = freeport.Address(t), freeport.Address(t), freeport.Address(t)
	k.gateway = startGateway(t, buildLoom(t), k.folder, k.caddyAdmin, k.config())
	err := eventually("the gateway's first answer", func() bool {
		return k.gateway.ended() || k.send(neighbour, "/first", 0, false).status == http.StatusOK
	})
	if err != nil || k.gateway.ended() {
		t.Fatalf("the gateway does not start: %v\n%s", err, k.gateway.tail())
	}
	k.traffic = startTraffic(k)
	t.Cleanup(k.traffic.stop)
	k.warmUp()
	return k
}

// warmUp measures what the process has after it has had a plugin and lost it.
func (k *kit) warmUp() {
	b := &behaviour{attacks: []attack{{name: "nothing", in: []string{"request_headers"}}}}
	trials := b.trials(true)
	if err := k.load(k.config(trials...)); err != nil {
		k.t.Fatalf("loading a plugin that does nothing: %v\n%s", err, k.gateway.tail())
	}
	if err := k.send(trials[0].name, "", 0, true).untouched(trials[0].name, ""); err != nil {
		k.t.Fatalf("a plugin that does nothing: %v", err)
	}
	if err := k.load(k.config()); err != nil {
		k.t.Fatal(err)
	}
	k.base = k.usage()
}

// canary is a server that no plugin may reach.
type canary struct {
	listener net.Listener
	visits   atomic.Int64
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &canary{listener: l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.visits.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return c
}
