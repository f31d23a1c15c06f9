// Package freeport is a test kit: ports for gateways that a test starts.
package freeport

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
)

// The ports are below the ranges from which systems take their own for outgoing connections and for port 0.
const (
	first = 20000
	last  = 31999
	block = 100
)

// taker hands out the ports of blocks that only this process has. Gateways share ports (SO_REUSEPORT), so that two of
// them would both start on one and take each other's requests: that a port was free a moment ago is not enough.
type taker struct {
	mu   sync.Mutex
	held []net.Listener // on each block's first port, and not shared: they keep other processes away until this one ends
	next int
}

var process taker //nolint:gochecknoglobals // the ports are the process's

// Address is an address on 127.0.0.1 at which nobody listens, for TCP and UDP. It is given once.
func Address(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", Port(t))
}

// Port is the port of such an address.
func Port(t testing.TB) string {
	t.Helper()
	port, ok := process.take()
	if !ok {
		t.Fatalf("no port is free between %d and %d", first, last)
	}
	return strconv.Itoa(port)
}

func (t *taker) take() (port int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.next%block != 0 || t.claim() {
		port := t.next
		t.next++
		if free(port) {
			return port, true
		}
	}
	return 0, false
}

// claim takes the next block that nobody has.
func (t *taker) claim() bool {
	for base := first; base < last; base += block {
		if l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", ":"+strconv.Itoa(base)); err == nil {
			t.held, t.next = append(t.held, l), base+1
			return true
		}
	}
	return false
}

// free asks by a connection, and not by listening: a listener that is closed again lives on for a moment in every
// process that is being started meanwhile, and the gateway would find the port taken. What listens by UDP here is
// HTTP/3, which listens by TCP as well.
func free(port int) bool {
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		_ = conn.Close()
	}
	return err != nil
}
