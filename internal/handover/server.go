package handover

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// Server follows the connections of one http.Server through the hooks that it has. The http.Server must have ConnContext and
// ConnState as its hooks, and serve the listeners of Listen.
type Server struct {
	registry *Registry
	handler  http.Handler
	timeouts func() Timeouts
	left     atomic.Pointer[Listener] // the first of its listeners that has closed

	conns   sync.Map // net.Conn, as the http.Server knows it → *Conn
	inFront sync.Once

	mu        sync.Mutex
	listeners []*Listener
}

// Timeouts are limits of an http.Server that it cannot set itself here. 0 means none.
type Timeouts struct {
	Handshake time.Duration // of TLS
	Idle      time.Duration // between requests
}

// NewServer is for one http.Server and its handler. timeouts is asked for each connection.
func NewServer(r *Registry, handler http.Handler, timeouts func() Timeouts) *Server {
	return &Server{registry: r, handler: handler, timeouts: timeouts}
}

// Listen makes a listener for the server of one below it; TLS is ended in that one, if it is.
func (s *Server) Listen(below net.Listener, kind Kind) *Listener {
	l := &Listener{
		Listener: below, server: s, kind: kind, address: addressKey(below.Addr()),
		queue: newQueue(), conns: map[*Conn]struct{}{},
	}
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	s.registry.add(l)
	go l.run()
	return l
}

// Leave closes the listeners: when it returns, no request begins here any more on a connection of HTTP/1.1.
func (s *Server) Leave() {
	s.mu.Lock()
	listeners := s.listeners
	s.listeners = nil
	s.mu.Unlock()
	for _, l := range listeners {
		_ = l.Close() // the http.Server asks again
	}
}

type connKey struct{}

// ConnContext is the hook of http.Server of that name. It puts itself in front of the server's handler with the first
// connection, before any request can be served: nothing else comes before all handlers, whatever the routes are.
func (s *Server) ConnContext(ctx context.Context, c net.Conn) context.Context {
	s.inFront.Do(func() {
		if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok {
			server.Handler = http.HandlerFunc(s.serve)
		}
	})
	own := connOf(c)
	if own == nil || !reflect.TypeOf(c).Comparable() {
		return ctx
	}
	own.track()
	own.listener.remember(own)
	s.conns.Store(c, own)
	return context.WithValue(ctx, connKey{}, own)
}

// ConnState is the hook of http.Server of that name.
func (s *Server) ConnState(c net.Conn, state http.ConnState) {
	if state == http.StateNew || state == http.StateActive || !reflect.TypeOf(c).Comparable() {
		return
	}
	found, ok := s.conns.Load(c)
	if !ok {
		return
	}
	own, _ := found.(*Conn)
	if state == http.StateIdle {
		own.rest()
		return
	}
	s.conns.Delete(c)
	if state == http.StateHijacked {
		own.release()
		return
	}
	own.closed()
}

// serve notes that a request has a handler: it must not have another one then.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*Conn); ok {
		if !c.begin(r) {
			panic(http.ErrAbortHandler) // the next server answers it
		}
		defer c.end()
	}
	if left := s.left.Load(); left != nil {
		s.serveLate(left, w, r)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// serveLate has the next server's handler answer a request that came to this one, on a connection of HTTP/2 whose client has not
// read yet that it goes away; or has not been told, if it came while the server began to shut down.
func (s *Server) serveLate(left *Listener, w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 2 {
		w.Header().Set("Connection", "close") // net/http makes a GOAWAY of it
	}
	if next := s.registry.next(left); next != nil {
		next.server.handler.ServeHTTP(w, r)
		return
	}
	s.handler.ServeHTTP(w, r)
}

// connOf finds the Conn in what a server has put around it. Its types are not exported, their field is.
func connOf(c net.Conn) *Conn {
	const deepest = 8
	for range deepest {
		switch own := c.(type) {
		case *Conn:
			return own
		case *tlsConn:
			return own.Conn
		}
		v := reflect.Indirect(reflect.ValueOf(c))
		if v.Kind() != reflect.Struct {
			return nil
		}
		field := v.FieldByName("Conn")
		if !field.IsValid() || !field.CanInterface() {
			return nil
		}
		inner, ok := field.Interface().(net.Conn)
		if !ok {
			return nil
		}
		c = inner
	}
	return nil
}
