package handover

import (
	"crypto/x509"
	"net"
	"slices"
	"sync"
)

// Kind is what the connections of a listener have in common. Only a listener of the same kind may go on with them: a client
// that had to show no certificate must not reach a server that asks for one.
type Kind struct {
	// Settings is a text of all that makes a connection what it is.
	Settings string
	// ClientCAs are the certificates that clients are checked against, for each TLS policy.
	ClientCAs []*x509.CertPool
}

func (k Kind) equal(other Kind) bool {
	return k.Settings == other.Settings && slices.EqualFunc(k.ClientCAs, other.ClientCAs, (*x509.CertPool).Equal)
}

// Registry knows the open listeners of a process.
type Registry struct {
	mu        sync.Mutex
	listeners map[string][]*Listener // by address, the oldest first
}

func (r *Registry) add(l *Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listeners == nil {
		r.listeners = map[string][]*Listener{}
	}
	r.listeners[l.address] = append(r.listeners[l.address], l)
}

func (r *Registry) remove(l *Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := slices.DeleteFunc(r.listeners[l.address], func(other *Listener) bool { return other == l })
	if len(rest) == 0 {
		delete(r.listeners, l.address)
		return
	}
	r.listeners[l.address] = rest
}

// next is the newest open listener of the same address and kind, or nil.
func (r *Registry) next(l *Listener) *Listener {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range slices.Backward(r.listeners[l.address]) {
		if other != l && other.kind.equal(l.kind) {
			return other
		}
	}
	return nil
}

// addressKey is the same for all listeners on an address.
func addressKey(a net.Addr) string { return a.Network() + "/" + a.String() }
