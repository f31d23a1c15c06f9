package listener_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"

	"github.com/loom-gateway/loom/internal/freeport"
	_ "github.com/loom-gateway/loom/modules/listener"
)

// The tests of this file reload Caddy, which has one config for the whole process: they are not parallel.

// load runs a config whose servers answer with their text, and are written as `"name": {…}`.
func load(t *testing.T, servers string) error {
	t.Helper()
	return caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "PANIC"}}},
		"apps": {"http": {"grace_period": "10s", "servers": {`+servers+`}}}}`), true)
}

func server(address, text string) string {
	return fmt.Sprintf(`%q: {"listen": ["loomtcp/%s"], "listener_wrappers": [{"wrapper": "loom_handover"}], "protocols": ["h1"],
		"automatic_https": {"disable": true}, "routes": [{"handle": [{"handler": "static_response", "body": %q}]}]}`, address, address, text)
}

func mustLoad(t *testing.T, servers string) {
	t.Helper()
	if err := load(t, servers); err != nil {
		t.Fatal(err)
	}
}

func stopCaddy(t *testing.T) {
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// onConn asks on a connection of its own, as often as it is called.
func onConn(t *testing.T, address string) func() (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	unused := make(chan net.Conn, 1)
	unused <- conn
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-unused:
			return c, nil
		default:
			return nil, errors.New("the connection was closed")
		}
	}}}
	t.Cleanup(client.CloseIdleConnections)
	return func() (string, error) { return text(client.Post("http://"+address, "", strings.NewReader("body"))) }
}

func text(res *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return string(data), err
}

// TestConnectionOutlivesConfigs asks on one connection, before and after each of many reloads.
func TestConnectionOutlivesConfigs(t *testing.T) {
	stopCaddy(t)
	address := freeport.Address(t)
	mustLoad(t, server(address, "0"))
	ask := onConn(t, address)
	for i := range 20 {
		mustLoad(t, server(address, fmt.Sprint(i)))
		if got, err := ask(); err != nil || got != fmt.Sprint(i) {
			t.Fatalf("after %d reloads: %q, %v", i, got, err)
		}
	}
}

// TestFailedConfigHasNoTurn has a config fail after it has opened its listeners.
func TestFailedConfigHasNoTurn(t *testing.T) {
	stopCaddy(t)
	address := freeport.Address(t)
	mustLoad(t, server(address, "good"))
	ask := onConn(t, address)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for range 5 { // the order of servers is by chance
		err := load(t, server(address, "bad")+", "+server(taken.Addr().String(), "bad"))
		if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) || !strings.Contains(err.Error(), "address already in use") {
			t.Fatalf("error %v does not say which address is in use", err)
		}
		if got, err := ask(); err != nil || got != "good" {
			t.Fatalf("the open connection: %q, %v", got, err)
		}
		if got, err := text(http.Get("http://" + address)); err != nil || got != "good" {
			t.Fatalf("a new connection: %q, %v", got, err)
		}
	}
}

// TestAddressesComeAndGo closes the socket of an address that the new config does not have.
func TestAddressesComeAndGo(t *testing.T) {
	stopCaddy(t)
	first, second := freeport.Address(t), freeport.Address(t)
	mustLoad(t, server(first, "first"))
	mustLoad(t, server(first, "first")+", "+server(second, "second"))
	mustLoad(t, server(second, "second"))
	if got, err := text(http.Get("http://" + second)); err != nil || got != "second" {
		t.Errorf("%q, %v", got, err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		l, err := net.Listen("tcp", first)
		if err == nil {
			l.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the socket is still open: %v", err)
		}
	}
}

// TestReloadsUnderLoad counts each request that has no answer, or two.
func TestReloadsUnderLoad(t *testing.T) {
	stopCaddy(t)
	address := freeport.Address(t)
	mustLoad(t, server(address, "0"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	for i := range 4 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
		all.Go(func() {
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				if _, err := text(client.Post("http://"+address, "", strings.NewReader("body"))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 50 {
		mustLoad(t, server(address, fmt.Sprint(i)))
	}
	stop()
	all.Wait()
}
