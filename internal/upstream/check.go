package upstream

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/discovery"
	"github.com/loom-gateway/loom/internal/health"
	"github.com/loom-gateway/loom/internal/nearest"
)

// check looks for what ParseAddress and the balancer do not see.
func (s Settings) check() error {
	if err := oneOf("load_balancer", s.LoadBalancer, balance.Names()); err != nil {
		return err
	}
	if err := oneOf("protocol", s.Protocol, Protocols()); err != nil {
		return err
	}
	if err := s.Hash.check(s.LoadBalancer); err != nil {
		return err
	}
	if err := oneOf("transport engine", s.Engine, Engines()); err != nil {
		return err
	}
	if s.MaxResponseHeader < 0 || s.MaxResponseHeader > math.MaxInt32 {
		return errors.New("transport max_response_header: write a number of bytes below 2 GiB")
	}
	if len(s.Endpoints) == 0 {
		return errors.New("endpoints: at least one is required")
	}
	seen := make(map[string]bool, len(s.Endpoints))
	for _, e := range s.Endpoints {
		if err := s.checkResolve(e); err != nil {
			return err
		}
		if seen[e.Address] {
			return fmt.Errorf("endpoint %q is listed twice: give it a weight instead", e.Address)
		}
		seen[e.Address] = true
	}
	if err := errors.Join(s.Pool.check(s.Protocol), s.DNS.check(), s.checkProxyProtocol()); err != nil {
		return err
	}
	return errors.Join(s.checkBreaker(), s.checkHealth(), s.checkPassive(), s.checkBudget())
}

// checkResolve wants a name where one is looked up, and a name in the config for what certificates have to say.
func (s Settings) checkResolve(e EndpointSettings) error {
	if e.Resolve == "" {
		return nil
	}
	if err := oneOf("resolve", e.Resolve, discovery.Types()); err != nil {
		return fmt.Errorf("endpoint %q: %w", e.Address, err)
	}
	host := e.Address
	if e.Resolve == discovery.Addresses {
		address, err := ParseAddress(e.Address)
		if err != nil {
			return err
		}
		host = address.Host
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return fmt.Errorf("endpoint %q: resolve needs a name to look up", e.Address)
	}
	if err := checkHost(host); err != nil {
		return fmt.Errorf("endpoint %q: %w (resolve srv takes a name without a port, such as _http._tcp.example.com)", e.Address, err)
	}
	if e.Resolve == discovery.Services && s.Protocol == HTTPS && s.TLS.ServerName == "" && !s.TLS.InsecureSkipVerify {
		return fmt.Errorf("endpoint %q: resolve srv with the protocol https needs tls server_name: an answer of DNS must not say whom to trust", e.Address)
	}
	return nil
}

// check wants times that can be, and servers that can be asked.
func (d DNS) check() error {
	if d.Interval < 0 || d.Timeout < 0 {
		return errors.New("dns: durations must not be negative")
	}
	if _, err := discovery.Servers(d.Resolvers); err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	return nil
}

func (s Settings) checkBreaker() error {
	if s.Breaker == nil {
		return nil
	}
	_, err := health.ParseStatuses(s.Breaker.Statuses)
	if err := errors.Join(s.Breaker.Check(), err); err != nil {
		return fmt.Errorf("circuit_breaker: %w", err)
	}
	return nil
}

func (s Settings) checkHealth() error {
	if s.Health == nil {
		return nil
	}
	if s.Health.Type == health.GRPC && s.Protocol == HTTP {
		return fmt.Errorf("health_check: type %s needs the protocol %s, %s or %s", health.GRPC, GRPC, H2C, HTTPS)
	}
	if err := s.Health.Check(); err != nil {
		return fmt.Errorf("health_check: %w", err)
	}
	return nil
}

func (s Settings) checkPassive() error {
	if s.PanicThreshold < 0 || s.PanicThreshold > 100 {
		return errors.New("panic_threshold must be a percentage from 1 to 100")
	}
	if s.SlowStart < 0 {
		return errors.New("slow_start must not be negative")
	}
	if s.Passive == nil {
		return nil
	}
	_, err := health.ParseStatuses(s.Passive.Statuses)
	if err := errors.Join(s.Passive.Check(), err); err != nil {
		return fmt.Errorf("passive_health: %w", err)
	}
	return nil
}

func (s Settings) checkBudget() error {
	if err := s.RetryBudget.Check(); err != nil {
		return fmt.Errorf("retry_budget: %w", err)
	}
	return nil
}

func oneOf(field, got string, valid []string) error {
	for _, v := range valid {
		if got == v {
			return nil
		}
	}
	if meant := nearest.Word(got, valid); meant != "" {
		return fmt.Errorf("%s %q: did you mean %q?", field, got, meant)
	}
	return fmt.Errorf("%s %q is unknown: use %s", field, got, strings.Join(valid, ", "))
}
