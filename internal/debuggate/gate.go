// Package debuggate decides who may see what plugins do to a request.
package debuggate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Header is the request's field that asks for a report: `1` from the machine itself, or `t=TIME,s=SIGNATURE`.
const Header = "Loom-Debug"

// DefaultWindow is how far the time of a signature may be from now.
const DefaultWindow = time.Minute

// Gate lets requests through whose client may see the report. The zero value lets nobody through.
type Gate struct {
	// Loopback lets those through whose connection comes from a loopback address.
	Loopback bool
	// Key lets those through who have signed the request with it (HMAC-SHA256). Empty: nobody.
	Key []byte
	// Window is how far the time of a signature may be from now, before or after.
	Window time.Duration
}

// Request is a request as its client has sent it: what a rewrite made of it was not signed.
type Request struct {
	Peer              string // host:port at the other end of the connection
	Method, Host, URI string
}

// Take takes the field off a request, so that nobody behind the gate sees it, and returns its value: empty without one.
func Take(h http.Header) string {
	values, ok := h[Header]
	if !ok {
		return ""
	}
	delete(h, Header)
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// Admit says why a request does not get a report; nil: it does. asked is the value of its field.
func (g *Gate) Admit(asked string, r Request, now time.Time) error {
	if asked == "1" {
		return g.admitPeer(r.Peer)
	}
	stamp, signature, ok := parse(asked)
	switch {
	case !ok:
		return errors.New("neither 1 nor t=SECONDS,s=SIGNATURE was sent")
	case len(g.Key) == 0:
		return errors.New("the gateway has no key to check signatures with")
	case !hmac.Equal(signature, Sign(g.Key, r, stamp)):
		return errors.New("the signature is not that of method, host, path and time with the gateway's key")
	}
	if off := now.Sub(time.Unix(stamp, 0)).Abs(); off > g.Window {
		return fmt.Errorf("the signature's time is %s off, the most is %s", off.Round(time.Second), g.Window)
	}
	return nil
}

func (g *Gate) admitPeer(peer string) error {
	address, err := netip.ParseAddrPort(peer)
	switch {
	case !g.Loopback:
		return errors.New("requests without a signature get no report")
	case err != nil || !address.Addr().Unmap().IsLoopback():
		return errors.New("the connection does not come from a loopback address")
	}
	return nil
}

// parse reads t=SECONDS,s=HEX.
func parse(asked string) (stamp int64, signature []byte, ok bool) {
	t, s, found := strings.Cut(asked, ",")
	t, hasTime := strings.CutPrefix(t, "t=")
	s, hasSignature := strings.CutPrefix(s, "s=")
	if !found || !hasTime || !hasSignature {
		return 0, nil, false
	}
	stamp, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return 0, nil, false
	}
	signature, err = hex.DecodeString(s)
	return stamp, signature, err == nil
}

// Sign is the signature of a request at a time in seconds since 1970: HMAC-SHA256 over the four in lines.
func Sign(key []byte, r Request, stamp int64) []byte {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s\n%d", r.Method, r.Host, r.URI, stamp)
	return mac.Sum(nil)
}
