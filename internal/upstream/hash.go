package upstream

import (
	"errors"
	"net/http"

	"github.com/loom-gateway/loom/internal/balance"
)

// Hash says what consistent_hash looks at. Exactly one of Header, Cookie and ClientIP is set.
type Hash struct {
	// Header is the name of a request header, whose first value counts.
	Header string
	// Cookie is the name of a cookie.
	Cookie string
	// ClientIP takes the client's address.
	ClientIP bool
	// BalanceFactor as in balance.Options. Default: 0, no bound.
	BalanceFactor int
}

func (h Hash) check(policy string) error {
	if policy == balance.ConsistentHashName {
		return h.Check()
	}
	if h != (Hash{}) {
		return errors.New("hash needs load_balancer consistent_hash")
	}
	return nil
}

// Check wants exactly one thing to hash.
func (h Hash) Check() error {
	sources := 0
	for _, set := range []bool{h.Header != "", h.Cookie != "", h.ClientIP} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		return errors.New("consistent_hash needs exactly one of header, cookie and client_ip to hash")
	}
	return nil
}

// Key is where the request stands on the ring. Requests without the header or the cookie are spread at random.
func (h Hash) Key(header http.Header, clientIP string) uint64 {
	value := ""
	switch {
	case h.Header != "":
		value = header.Get(h.Header)
	case h.Cookie != "":
		if c, err := (&http.Request{Header: header}).Cookie(h.Cookie); err == nil {
			value = c.Value
		}
	default:
		value = clientIP
	}
	if value == "" {
		return balance.RandomKey()
	}
	return balance.HashKey(value)
}
