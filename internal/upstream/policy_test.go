package upstream_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/balance"
	"github.com/loom-gateway/loom/internal/upstream"
)

// letters are backends that answer with their letter.
func letters(t *testing.T, n int) (list []upstream.EndpointSettings) {
	t.Helper()
	for i := range n {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, string(rune('a'+i))) }))
		t.Cleanup(s.Close)
		list = append(list, upstream.EndpointSettings{Address: s.Listener.Addr().String()})
	}
	return list
}

func TestEveryPolicyReachesEveryEndpoint(t *testing.T) {
	t.Parallel()
	for _, policy := range balance.Names() {
		s := upstream.Settings{Endpoints: letters(t, 3), LoadBalancer: policy}
		if policy == balance.ConsistentHashName {
			s.Hash.Header = "X-Absent"
		}
		u := newUpstream(t, s)
		seen := map[string]bool{}
		for range 200 {
			_, letter := send(t, u)
			if seen[letter] = true; len(seen) == 3 {
				break
			}
		}
		if len(seen) != 3 {
			t.Errorf("%s: 200 requests reached %v", policy, seen)
		}
	}
}

// TestLeastConnCountsCalls has a call that is not over keep others away.
func TestLeastConnCountsCalls(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, upstream.Settings{Endpoints: letters(t, 2), LoadBalancer: balance.LeastConnName})
	held := u.Begin()
	res, err := held.RoundTrip(request(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := io.ReadAll(res.Body)
	res.Body.Close()
	for range 5 {
		if _, letter := send(t, u); letter == string(first) {
			t.Errorf("%s got another request while it has one", letter)
		}
	}
	held.End()
	_, a := send(t, u)
	_, b := send(t, u)
	if a == b {
		t.Errorf("with nothing in flight two requests went to %s", a)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	list := letters(t, 5)
	for name, hash := range map[string]upstream.Hash{
		"header": {Header: "X-User"}, "cookie": {Cookie: "user"}, "client ip": {ClientIP: true},
	} {
		u := newUpstream(t, upstream.Settings{Endpoints: list, LoadBalancer: balance.ConsistentHashName, Hash: hash})
		places := map[string]string{}
		for i := range 60 {
			user := fmt.Sprint("user-", i%20)
			call := u.Begin()
			call.HashOn(http.Header{"X-User": {user}, "Cookie": {"a=b; user=" + user}}, user)
			res, err := call.RoundTrip(request(t, nil))
			if err != nil {
				t.Fatal(err)
			}
			letter, _ := io.ReadAll(res.Body)
			res.Body.Close()
			call.End()
			if at, seen := places[user]; seen && at != string(letter) {
				t.Errorf("%s: %s went to %s and to %s", name, user, at, letter)
			}
			places[user] = string(letter)
		}
	}
}

func TestHashRefuses(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]upstream.Settings{
		"exactly one of header, cookie and client_ip": {LoadBalancer: balance.ConsistentHashName, Hash: upstream.Hash{Header: "A", Cookie: "b"}},
		"needs load_balancer consistent_hash":         {Hash: upstream.Hash{ClientIP: true}},
		"balance factor 99":                           {LoadBalancer: balance.ConsistentHashName, Hash: upstream.Hash{ClientIP: true, BalanceFactor: 99}},
	} {
		s.Endpoints = endpoints("localhost:1")
		if _, err := upstream.New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestMemory has an upstream whose settings changed know the endpoints that stay.
func TestMemory(t *testing.T) {
	t.Parallel()
	var memory upstream.Memory
	list := letters(t, 2)
	old, err := memory.New(upstream.Settings{Name: "a", Endpoints: list[:1]})
	if err != nil {
		t.Fatal(err)
	}
	send(t, old)
	changed, err := memory.New(upstream.Settings{Name: "a", Endpoints: list, LoadBalancer: balance.LeastConnName})
	if err != nil {
		t.Fatal(err)
	}
	namesake, err := memory.New(upstream.Settings{Name: "b", Endpoints: list})
	if err != nil {
		t.Fatal(err)
	}
	old.Close()
	old.Close() // counts once
	if n := changed.Snapshot().Endpoints; n[0].Requests != 1 || n[1].Requests != 0 {
		t.Errorf("after a change: %+v", n)
	}
	if n := namesake.Snapshot().Endpoints[0].Requests; n != 0 {
		t.Errorf("another upstream has %d requests of this one", n)
	}
	changed.Close()
	namesake.Close()
	again, err := memory.New(upstream.Settings{Name: "a", Endpoints: list})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := again.Snapshot().Endpoints[0].Requests; n != 0 {
		t.Errorf("%d requests are remembered of an endpoint that nobody had", n)
	}
}
