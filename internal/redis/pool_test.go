package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/internal/redis/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }

const patience = 20 * time.Second

func newPool(t *testing.T, addr string, change ...func(*Options)) *Pool {
	t.Helper()
	o := Options{MaxReply: 1 << 16, Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}}
	for _, c := range change {
		c(&o)
	}
	p := NewPool(o)
	t.Cleanup(p.Close)
	return p
}

func do(t *testing.T, p *Pool, words ...string) string {
	t.Helper()
	reply, err := try(p, words...)
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return reply
}

func try(p *Pool, words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := p.Do(ctx, appendCommand(nil, words...))
	return string(reply), err
}

func TestCommands(t *testing.T) {
	p := newPool(t, redistest.Start(t).Addr)
	for _, tc := range []struct{ command, want string }{
		{"SET k v", "+OK\r\n"},
		{"GET k", "$1\r\nv\r\n"},
		{"GET missing", "$-1\r\n"},
		{"RPUSH l a b", ":2\r\n"},
		{"LRANGE l 0 -1", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
		{"LRANGE none 0 -1", "*0\r\n"},
		{"GET l", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
		{"EVAL return{1,{2,'x'}} 0", "*2\r\n:1\r\n*2\r\n:2\r\n$1\r\nx\r\n"},
	} {
		if got := do(t, p, strings.Fields(tc.command)...); got != tc.want {
			t.Errorf("%s answered %q, want %q", tc.command, got, tc.want)
		}
	}
	if n := len(p.idle); n != 1 {
		t.Errorf("%d connections for commands in a row, want 1", n)
	}
}

func TestLoginAndDatabase(t *testing.T) {
	addr := redistest.Start(t, "--requirepass", "secret").Addr
	one := newPool(t, addr, func(o *Options) { o.Password, o.DB = "secret", 1 })
	do(t, one, "SET", "k", "one")
	two := newPool(t, addr, func(o *Options) { o.Username, o.Password, o.DB = "default", "secret", 2 })
	if got := do(t, two, "GET", "k"); got != "$-1\r\n" {
		t.Errorf("database 2 has what was written to database 1: %q", got)
	}
	wrong := newPool(t, addr, func(o *Options) { o.Password = "guess" })
	if _, err := try(wrong, "GET", "k"); err == nil || !strings.Contains(err.Error(), "logging in") || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("a wrong password: %v", err)
	}
}

// What a command does to its connection must not reach the next user of the pool.
func TestConnectionsAreNotLeftInAnotherState(t *testing.T) {
	p := newPool(t, redistest.Start(t).Addr)
	do(t, p, "SET", "k", "zero")
	for _, command := range []string{"SELECT 3", "MULTI", "SUBSCRIBE c", "HELLO 3"} {
		do(t, p, strings.Fields(command)...)
		if got := do(t, p, "GET", "k"); got != "$4\r\nzero\r\n" {
			t.Errorf("after %s: %q", command, got)
		}
	}
}

func TestServerComesBack(t *testing.T) {
	s := redistest.Start(t)
	p := newPool(t, s.Addr)
	do(t, p, "PING")
	s.Stop()
	if _, err := try(p, "PING"); err == nil {
		t.Error("an answer from a server that is gone")
	}
	s.Restart(t)
	if got := do(t, p, "PING"); got != "+PONG\r\n" {
		t.Errorf("after the restart: %q", got)
	}
}

// A connection that the server closed while it was idle is not used: the command would be lost.
func TestIdleConnectionsThatTheServerClosed(t *testing.T) {
	s := redistest.Start(t)
	p := newPool(t, s.Addr)
	do(t, p, "PING")
	s.Stop()
	for deadline := time.Now().Add(patience); p.idle[0].usable(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the end of the connection is not noticed")
		}
	}
	s.Restart(t)
	do(t, p, "PING")
}

func TestLimits(t *testing.T) {
	p := newPool(t, redistest.Start(t).Addr)
	do(t, p, "SET", "k", strings.Repeat("x", 1<<16))
	if _, err := try(p, "GET", "k"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a reply above the limit: %v", err)
	}
	do(t, p, "PING") // on another connection
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Do(ctx, appendCommand(nil, "BLPOP", "nothing", "0")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command that blocks: %v", err)
	}
	if got := do(t, p, "PING"); got != "+PONG\r\n" {
		t.Errorf("after a timeout: %q", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	p := newPool(t, redistest.Start(t).Addr)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			word := fmt.Sprint("word", i)
			if got, err := try(p, "ECHO", word); err != nil || !strings.Contains(got, word) {
				t.Errorf("%s answered %q, %v", word, got, err)
			}
		})
	}
	wg.Wait()
	if n := len(p.idle); n > maxIdle {
		t.Errorf("%d idle connections, the most is %d", n, maxIdle)
	}
}
