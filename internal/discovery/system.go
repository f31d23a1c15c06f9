package discovery

import (
	"context"
	"errors"
	"net"
	"time"
)

// System asks as every other program does: /etc/hosts, /etc/resolv.conf with its search domains. It does not tell how long
// answers hold.
func System() Resolver { return Resolver{system{net.DefaultResolver}} }

type system struct{ *net.Resolver }

func (s system) addresses(ctx context.Context, host string) (found, error) {
	list, err := s.LookupNetIP(ctx, "ip", host)
	return found{list: list}, none(err)
}

func (s system) services(ctx context.Context, name string) ([]service, time.Duration, error) {
	_, records, err := s.LookupSRV(ctx, "", "", name)
	list := make([]service, 0, len(records))
	for _, r := range records {
		list = append(list, service{host: r.Target, port: r.Port, priority: r.Priority, weight: r.Weight})
	}
	if len(list) > 0 {
		err = nil // records with malformed names are left out
	}
	return list, 0, none(err)
}

// none tells a name without addresses from one that could not be looked up.
func none(err error) error {
	if missing, ok := errors.AsType[*net.DNSError](err); ok && missing.IsNotFound {
		return ErrNone
	}
	return err
}
