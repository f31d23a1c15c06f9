package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/coder/websocket"

	"github.com/loom-gateway/loom/internal/freeport"
	_ "github.com/loom-gateway/loom/modules/listener"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/proxy"
)

// The tests of this file reload Caddy, which has one config for the whole process: they are not parallel.

// reloader is a running Caddy on one address.
type reloader struct {
	t    *testing.T
	addr string
}

func newReloader(t *testing.T) *reloader {
	t.Helper()
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &reloader{t: t, addr: freeport.Address(t)}
}

// load runs a config with one route to the first upstream.
func (r *reloader) load(upstreams string, header string) error {
	config := moduletest.Server(`{"upstreams": {`+upstreams+`}}`, `{
		"listen": ["loomtcp/`+r.addr+`"], "listener_wrappers": [{"wrapper": "loom_handover"}], "automatic_https": {"disable": true},
		"routes": [{"handle": [
			{"handler": "headers", "response": {"set": {"X-Config": ["`+header+`"]}}},
			{"handler": "loom_proxy", "upstream": "backend"}
		]}]}`)
	config = `{"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "ERROR"}}}, ` + strings.TrimPrefix(config, "{")
	return caddy.Load([]byte(config), true)
}

func (r *reloader) mustLoad(upstreams string, header string) {
	r.t.Helper()
	if err := r.load(upstreams, header); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reloader) get(path string) (config, text string) {
	r.t.Helper()
	res, err := http.Get("http://" + r.addr + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("status %d, error %v", res.StatusCode, err)
	}
	return res.Header.Get("X-Config"), string(data)
}

// countingBackend counts its connections: those ever opened, and those open now.
type countingBackend struct {
	*httptest.Server
	opened, open atomic.Int64
	closed       chan struct{} // one for each connection that closed
}

func newCountingBackend(t *testing.T, serve http.HandlerFunc) *countingBackend {
	t.Helper()
	b := &countingBackend{Server: httptest.NewUnstartedServer(serve), closed: make(chan struct{}, 100)}
	b.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			b.opened.Add(1)
			b.open.Add(1)
		case http.StateClosed:
			b.open.Add(-1)
			b.closed <- struct{}{}
		}
	}
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// upstream is its entry in a config, under a name.
func (b *countingBackend) upstream(name string) string {
	return fmt.Sprintf(`%q: {"endpoints": [{"address": %q}]}`, name, b.Listener.Addr().String())
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestReloadKeepsConnectionsWarm(t *testing.T) {
	b := newCountingBackend(t, hello)
	r := newReloader(t)
	for i := range 5 {
		name := fmt.Sprint(i)
		r.mustLoad(b.upstream("backend"), name)
		if config, text := r.get("/"); config != name || text != "hello" {
			t.Errorf("config %q answers %q", config, text)
		}
	}
	if n := b.opened.Load(); n != 1 {
		t.Errorf("%d connections to the backend over 5 configs, want 1", n)
	}
}

// TestReloadDrains replaces an upstream under a request: the request ends whole, and the connection only then.
func TestReloadDrains(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	old := newCountingBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half ")
		http.NewResponseController(w).Flush()
		close(arrived)
		<-answer
		io.WriteString(w, "whole")
	})
	r := newReloader(t)
	r.mustLoad(old.upstream("backend"), "old")
	result := make(chan string, 1)
	go func() {
		config, text := r.get("/")
		result <- config + ": " + text
	}()
	wait(t, "request at the backend", arrived)
	r.mustLoad(newCountingBackend(t, hello).upstream("backend"), "new")
	if config, _ := r.get("/"); config != "new" {
		t.Errorf("config %q answers after the reload", config)
	}
	if n := old.open.Load(); n != 1 {
		t.Errorf("%d connections while a request is in flight, want 1", n)
	}
	close(answer)
	if got := wait(t, "the slow answer", result); got != "old: half whole" {
		t.Errorf("answer = %q", got)
	}
	wait(t, "closing of the old connection", old.closed)
}

func TestReloadClosesWhatNobodyUses(t *testing.T) {
	old := newCountingBackend(t, hello)
	r := newReloader(t)
	r.mustLoad(old.upstream("backend"), "old")
	r.get("/")
	r.mustLoad(newCountingBackend(t, hello).upstream("backend"), "new")
	wait(t, "closing of the idle connection", old.closed)
}

func TestFailedReloadChangesNothing(t *testing.T) {
	b := newCountingBackend(t, hello)
	r := newReloader(t)
	r.mustLoad(b.upstream("backend"), "good")
	r.get("/")
	for _, bad := range []string{b.upstream("bakcend"), `"backend": {}`, b.upstream("backend") + `, "other": {"endpoints": [{"address": "x"}]}`} {
		if err := r.load(bad, "bad"); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	if config, text := r.get("/"); config != "good" || text != "hello" {
		t.Errorf("config %q answers %q", config, text)
	}
	if n := b.opened.Load(); n != 1 {
		t.Errorf("%d connections, want 1: the failed loads have dropped the pool", n)
	}
}

func TestWebSocketSurvivesReload(t *testing.T) {
	echo := newCountingBackend(t, echoSocket)
	r := newReloader(t)
	r.mustLoad(echo.upstream("backend"), "old")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+r.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for i := range 3 {
		if err := conn.Write(ctx, websocket.MessageText, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		if _, data, err := conn.Read(ctx); err != nil || string(data) != fmt.Sprint(i) {
			t.Fatalf("echo %q, error %v after %d reloads", data, err, i)
		}
		r.mustLoad(newCountingBackend(t, hello).upstream("backend"), fmt.Sprint(i))
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// TestWebSocketsOfManyConfigs has each of many configs upgrade a connection to the same upstream. All stay open, up to a bound on
// the configs that are kept in memory for them; the oldest are told that the gateway goes away.
func TestWebSocketsOfManyConfigs(t *testing.T) {
	const kept, closed = 64, 3
	echo := newCountingBackend(t, echoSocket)
	r := newReloader(t)
	r.mustLoad(echo.upstream("backend"), "0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var conns []*websocket.Conn
	for i := range kept + closed {
		conn, _, err := websocket.Dial(ctx, "ws://"+r.addr, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		conns = append(conns, conn)
		r.mustLoad(echo.upstream("backend"), fmt.Sprint(i))
	}
	for i, conn := range conns {
		err := echoed(ctx, conn)
		if i < closed && websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("connection %d of the oldest: %v", i, err)
		}
		if i >= closed && err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
}

func echoed(ctx context.Context, conn *websocket.Conn) error {
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		_, _, readErr := conn.Read(ctx)
		return errors.Join(readErr, err)
	}
	_, data, err := conn.Read(ctx)
	if err == nil && string(data) != "hello" {
		err = fmt.Errorf("echo %q", data)
	}
	return err
}

func echoSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		kind, data, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

// TestReloadUnderLoad has every request answered, and whole, while configs change.
func TestReloadUnderLoad(t *testing.T) {
	backends := []*countingBackend{newCountingBackend(t, hello), newCountingBackend(t, hello)}
	r := newReloader(t)
	r.mustLoad(backends[0].upstream("backend"), "0")
	ctx, stop := context.WithCancel(t.Context())
	answers := make(chan error)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { ask(ctx, "http://"+r.addr, answers) })
	}
	for i := range 20 {
		r.mustLoad(backends[i%2].upstream("backend"), fmt.Sprint(i))
		for range 10 {
			if err := wait(t, "answers", answers); err != nil {
				t.Error(err)
			}
		}
	}
	stop()
	all.Wait()
}

// ask sends request after request, each on a connection of its own, and reports what is wrong with the answers.
func ask(ctx context.Context, url string, answers chan<- error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		res, err := client.Get(url)
		var data []byte
		if err == nil {
			data, err = io.ReadAll(res.Body)
			res.Body.Close()
		}
		if err == nil && (res.StatusCode != http.StatusOK || string(data) != "hello") {
			err = fmt.Errorf("answer %d %q", res.StatusCode, data)
		}
		select {
		case answers <- err:
		case <-ctx.Done():
		}
	}
}

func wait[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing happened in 10 seconds", what)
	}
	return v
}
