package debuggate

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

var (
	key = []byte("a key of more than sixteen bytes")
	now = time.Unix(1_700_000_000, 0)
	ask = Request{Peer: "203.0.113.7:4711", Method: http.MethodGet, Host: "shop.example.com", URI: "/cart?id=7"}
)

func signed(key []byte, r Request, at time.Time) string {
	return fmt.Sprintf("t=%d,s=%s", at.Unix(), hex.EncodeToString(Sign(key, r, at.Unix())))
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	gate := Gate{Key: key, Window: time.Minute}
	changed := func(change func(*Request)) Request {
		r := ask
		change(&r)
		return r
	}
	for name, c := range map[string]struct{ asked, refusal string }{
		"now":                     {signed(key, ask, now), ""},
		"the edge of the window":  {signed(key, ask, now.Add(-time.Minute)), ""},
		"the edge ahead":          {signed(key, ask, now.Add(time.Minute)), ""},
		"from any peer":           {signed(key, changed(func(r *Request) { r.Peer = "[2001:db8::1]:1" }), now), ""},
		"too old":                 {signed(key, ask, now.Add(-time.Minute-time.Second)), "is 1m1s off, the most is 1m0s"},
		"too far ahead":           {signed(key, ask, now.Add(time.Hour)), "is 1h0m0s off"},
		"the end of time":         {signed(key, ask, time.Unix(1<<62, 0)), "off"},
		"the beginning of time":   {signed(key, ask, time.Unix(-1<<62, 0)), "off"},
		"another key":             {signed([]byte("another key of many more bytes"), ask, now), "not that of"},
		"another method":          {signed(key, changed(func(r *Request) { r.Method = http.MethodPost }), now), "not that of"},
		"another host":            {signed(key, changed(func(r *Request) { r.Host = "shop.example.org" }), now), "not that of"},
		"another path":            {signed(key, changed(func(r *Request) { r.URI = "/cart?id=8" }), now), "not that of"},
		"a line that moved":       {signed(key, changed(func(r *Request) { r.Method, r.Host = "GET\nshop.example.com", "" }), now), "not that of"},
		"another time":            {strings.Replace(signed(key, ask, now), "t=17", "t=16", 1), "not that of"},
		"no signature":            {"t=1700000000,s=", "not that of"},
		"half a signature":        {signed(key, ask, now)[:len("t=1700000000,s=")+32], "not that of"},
		"nothing":                 {"", "neither"},
		"a word":                  {"yes", "neither"},
		"no time":                 {"s=00", "neither"},
		"no number":               {"t=now,s=00", "neither"},
		"a number that overflows": {"t=99999999999999999999,s=00", "neither"},
		"no hex":                  {"t=1700000000,s=xy", "neither"},
	} {
		err := gate.Admit(c.asked, ask, now)
		if (err == nil) != (c.refusal == "") || (err != nil && !strings.Contains(err.Error(), c.refusal)) {
			t.Errorf("%s: %v, want %q", name, err, c.refusal)
		}
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	gate := Gate{Loopback: true}
	for peer, admitted := range map[string]bool{
		"127.0.0.1:1": true, "127.8.8.8:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"10.0.0.1:1": false, "[2001:db8::1]:1": false, "[::ffff:10.0.0.1]:1": false, "127.0.0.1": false, "localhost:1": false, "@": false, "": false,
	} {
		if err := gate.Admit("1", Request{Peer: peer}, now); (err == nil) != admitted {
			t.Errorf("%q: %v", peer, err)
		}
	}
}

// Neither way opens the other, and the zero value opens none.
func TestClosed(t *testing.T) {
	t.Parallel()
	here := Request{Peer: "127.0.0.1:1"}
	for name, c := range map[string]struct {
		gate  Gate
		asked string
	}{
		"zero, from here":     {Gate{}, "1"},
		"zero, signed":        {Gate{}, signed(nil, here, now)},
		"key only, from here": {Gate{Key: key, Window: time.Minute}, "1"},
		"here only, signed":   {Gate{Loopback: true}, signed(key, here, now)},
	} {
		if c.gate.Admit(c.asked, here, now) == nil {
			t.Errorf("%s: admitted", name)
		}
	}
}

func TestTake(t *testing.T) {
	t.Parallel()
	for want, values := range map[string][]string{"1": {"1"}, "": {"1", "1"}} {
		h := http.Header{Header: values, "Accept": {"*/*"}}
		if got := Take(h); got != want || len(h) != 1 || h.Get("Accept") == "" {
			t.Errorf("%q of %q, left %v", got, values, h)
		}
	}
	if got := Take(http.Header{}); got != "" {
		t.Errorf("%q of a request without the field", got)
	}
}
