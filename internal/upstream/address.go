package upstream

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Address is where an endpoint listens.
type Address struct {
	// Network is tcp or unix.
	Network string
	// Dial is what the network's dialer takes: host:port, or the path of the socket.
	Dial string
	// Host and Port are the parts of a tcp address, the host without brackets: the name, where Dial is an address behind it.
	Host, Port string
}

// unixPrefix marks the address of a unix socket; the path follows, and an absolute path makes it `unix//run/…`.
const unixPrefix = "unix/"

// ParseAddress reads host:port, [ipv6]:port or unix//path. The error says what to write instead.
func ParseAddress(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, unixPrefix); ok {
		if path == "" || path == "/" {
			return Address{}, fmt.Errorf("address %q: missing path of the socket (write unix//run/app.sock)", s)
		}
		return Address{Network: "unix", Dial: path}, nil
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return Address{}, fmt.Errorf("address %q: write %q and set the protocol to %s", s, strings.TrimRight(rest, "/"), scheme)
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %s (write host:port, [ipv6]:port or unix//path)", s, reason(err))
	}
	if err := checkHost(host); err != nil {
		return Address{}, fmt.Errorf("address %q: %w", s, err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Address{}, fmt.Errorf("address %q: port %q is not a number from 1 to 65535", s, port)
	}
	return Address{Network: "tcp", Dial: net.JoinHostPort(host, port), Host: host, Port: port}, nil
}

func reason(err error) string {
	if addr, ok := errors.AsType[*net.AddrError](err); ok {
		return addr.Err
	}
	return err.Error()
}

// checkHost wants an IP address or a name of letters, digits, hyphens, underscores and dots.
func checkHost(host string) error {
	if host == "" {
		return errors.New("missing host (write localhost:port for this machine)")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	for _, c := range host {
		if !strings.ContainsRune("-_.", c) && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return fmt.Errorf("host %q: %q does not belong in a host name", host, c)
		}
	}
	return nil
}

// authority is what stands in the URL of a request to the address. The Host header is the client's all the same.
func (a Address) authority() string {
	if a.Network == "unix" {
		return "localhost"
	}
	return net.JoinHostPort(a.Host, a.Port)
}
