package listener

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/loom-gateway/loom/internal/handover"
)

// Network is the network of addresses whose listening socket stays the same over reloads: `loomtcp/:8080` instead of `:8080`.
// HTTP/3 beside it uses UDP, as it does beside TCP.
const Network = "loomtcp"

var socketPool = caddy.NewUsagePool() //nolint:gochecknoglobals // Caddy's way to outlive a config

func init() {
	caddy.RegisterNetwork(Network, listen)
	caddyhttp.RegisterNetworkHTTP3(Network, "udp")
}

// listen is a caddy.ListenerFunc. The socket below is Caddy's own for TCP, with its options and its errors.
func listen(ctx context.Context, _, host, ports string, offset uint, config net.ListenConfig) (any, error) {
	address, err := tcpAddress(host, ports, offset)
	if err != nil {
		return nil, err
	}
	key := address.String()
	pooled, _, err := socketPool.LoadOrNew(key, func() (caddy.Destructor, error) { return openSocket(ctx, address, config) })
	if err != nil {
		return nil, err
	}
	s, _ := pooled.(*socket)
	return s.Listen(config.KeepAliveConfig, func() {
		if _, err := socketPool.Delete(key); err != nil {
			caddy.Log().Named("loom.listener").Error("closing a listening socket: " + err.Error())
		}
	}), nil
}

func tcpAddress(host, ports string, offset uint) (caddy.NetworkAddress, error) {
	first, _, _ := strings.Cut(ports, "-")
	port, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return caddy.NetworkAddress{}, fmt.Errorf("reading the port of %s/%s: %w", Network, net.JoinHostPort(host, ports), err)
	}
	n := uint(port) + offset
	return caddy.NetworkAddress{Network: "tcp", Host: host, StartPort: n, EndPort: n}, nil
}

// socket is what the pool holds.
type socket struct{ *handover.Socket }

func openSocket(ctx context.Context, address caddy.NetworkAddress, config net.ListenConfig) (*socket, error) {
	opened, err := address.Listen(ctx, 0, config)
	if err != nil {
		return nil, err
	}
	l, ok := opened.(net.Listener)
	if !ok {
		return nil, fmt.Errorf("listening on %s: %T is no listener", address, opened)
	}
	return &socket{handover.NewSocket(l, config.KeepAliveConfig)}, nil
}

// Destruct implements caddy.Destructor.
func (s *socket) Destruct() error { return s.Close() }
