// Package dnstest is a DNS server for tests, on loopback over UDP and TCP.
package dnstest

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Server answers from the records that it was told.
type Server struct {
	// Addr is where it listens, ip:port.
	Addr string

	mu      sync.Mutex
	records []dns.RR
	rcode   int
	silent  bool
	asked   map[string]int // by network
}

// Start starts a server that ends with the test. It knows no name.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{asked: map[string]int{}}
	for range 20 { // somebody else may have the same port over UDP
		tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.Addr = tcp.Addr().String()
		udp, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", s.Addr)
		if err != nil {
			tcp.Close()
			continue
		}
		serve(t, &dns.Server{Listener: tcp, Handler: s.handler("tcp")})
		serve(t, &dns.Server{PacketConn: udp, Handler: s.handler("udp")})
		return s
	}
	t.Fatal("no port is free over both UDP and TCP")
	return nil
}

func serve(t testing.TB, server *dns.Server) {
	up, down := make(chan struct{}), make(chan struct{})
	server.NotifyStartedFunc = func() { close(up) }
	go func() {
		defer close(down)
		if err := server.ActivateAndServe(); err != nil {
			t.Error(err)
		}
	}()
	<-up
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		<-down
	})
}

// Set replaces all records, each as a line of a zone file: "api.test. 60 IN A 127.0.0.1".
func (s *Server) Set(t testing.TB, records ...string) {
	t.Helper()
	var list []dns.RR
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = list
}

// Fail has it answer with an error, such as dns.RcodeServerFailure; dns.RcodeSuccess ends that.
func (s *Server) Fail(rcode int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcode = rcode
}

// Silence has it answer nothing.
func (s *Server) Silence(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
}

// Asked is how many questions came over udp, or tcp.
func (s *Server) Asked(network string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[network]
}

func (s *Server) handler(network string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, question *dns.Msg) {
		res, silent := s.answer(network, question)
		if silent {
			return
		}
		if size := question.IsEdns0(); network == "udp" && size != nil {
			res.Truncate(int(size.UDPSize()))
		}
		_ = w.WriteMsg(res)
	}
}

func (s *Server) answer(network string, question *dns.Msg) (res *dns.Msg, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[network]++
	res = new(dns.Msg)
	if s.rcode != dns.RcodeSuccess {
		return res.SetRcode(question, s.rcode), s.silent
	}
	res.SetReply(question)
	q := question.Question[0]
	known := false
	for name := q.Name; name != ""; {
		next := ""
		for _, rr := range s.records {
			if !strings.EqualFold(rr.Header().Name, name) {
				continue
			}
			known = true
			if alias, ok := rr.(*dns.CNAME); ok {
				next = alias.Target
			}
			if t := rr.Header().Rrtype; t == q.Qtype || t == dns.TypeCNAME {
				res.Answer = append(res.Answer, dns.Copy(rr))
			}
		}
		name = next
	}
	if !known {
		res.Rcode = dns.RcodeNameError
	}
	return res, s.silent
}
