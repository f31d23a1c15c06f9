package conformance

import (
	"net"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/redis/redistest"
	"github.com/loom-gateway/loom/internal/upstream"
)

// Redis calls are Higress' own and not among the numbered statements.

// higressProbe is the probe with Higress' hostcalls.
func higressProbe(t *testing.T, script ...string) plugin.Spec {
	t.Helper()
	return probe(lines(script...), func(s *plugin.Spec) {
		s.Code = readFile(t, "../../plugins/probe-higress/probe-higress.wasm")
	})
}

const redisName = "outbound|6379||redis.static"

func withRedis(t *testing.T, addr string, script ...string) *gateway {
	t.Helper()
	return serve(t, setup{plugins: []plugin.Spec{higressProbe(t, script...)}, upstreams: map[string]upstream.Settings{"redis": at(addr)}})
}

func TestRedisCalls(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "secret")
	g := withRedis(t, server.Addr,
		`configure: redisinit `+redisName+`?db=3 "" secret 60000; redisinit nobody; redis `+redisName+`?db=3 SET boot 1`,
		`request_headers: redis `+redisName+`?db=3 INCRBY n 41; redis unknown PING; redisraw `+redisName+`?db=3 PING\r\n; return 1`,
		`redis_call_response#1: buf 9 0 99; status`,
		`redis_call_response#2: buf 9 0 99; redis `+redisName+`?db=3 GET nothing`,
		`redis_call_response#3: buf 9 0 99; redis `+redisName+`?db=3 LPUSH n x`,
		`redis_call_response#4: buf 9 0 99; effective $stream; buf 9 0 6; continue 0`)
	g.await(t, 1, "> redis_call_response")
	g.do(t, "GET", "/", nil)
	g.wantInOrder(t,
		`  redisinit `+redisName+`?db=3  -> 0`, `  redisinit nobody -> 2`,
		`> redis_call_response ctx=1 0 5`, `  buf 9 0 -> 0 "+OK\x0d\x0a"`, `  status -> 0 0 ""`)
	g.wantInOrder(t, `  redis unknown PING -> 2`, `  redisraw `, `  buf 9 0 -> 0 ":41\x0d\x0a"`, `  buf 9 0 -> 0 "$-1\x0d\x0a"`,
		`  buf 9 0 -> 0 "-WRONGTYPE Operation`, `  buf 9 0 -> 0 "-WRONG"`)
	for _, line := range g.find("  redisraw ") {
		if line[len(line)-1] != '2' {
			t.Errorf("bytes that are no command: %s", line)
		}
	}
}

// A server that cannot be reached, that hangs or that refuses the password is one callback with a status and nothing to read.
func TestRedisCallFailures(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	gone := redistest.Start(t)
	gone.Stop()
	for name, addr := range map[string]string{
		"hangs": silent.Addr().String(), "gone": gone.Addr, "refuses": redistest.Start(t, "--requirepass", "secret").Addr,
	} {
		t.Run(name, func(t *testing.T) {
			g := withRedis(t, addr,
				`configure: redisinit redis "" wrong 200`,
				`request_headers: redis redis GET k; return 1`,
				`redis_call_response: buf 9 0 9; status; effective $stream; continue 0`)
			g.do(t, "GET", "/", nil)
			g.want(t, `> redis_call_response ctx=1 1 0`, `  buf 9 0 -> 0 ""`, `  status -> 0 11 "`)
			if n := len(g.find("> redis_call_response")); n != 1 {
				t.Errorf("%d callbacks for one command", n)
			}
		})
	}
}

// A config that is merely validated opens no connection.
func TestRedisBeforeTheStart(t *testing.T) {
	server := redistest.Start(t)
	server.Stop()
	g := serve(t, setup{
		plugins:   []plugin.Spec{higressProbe(t, `configure: redisinit redis; redis redis PING`, `redis_call_response: buf 9 0 9`)},
		upstreams: map[string]upstream.Settings{"redis": at(server.Addr)}, idle: true,
	})
	g.want(t, `  redis redis PING -> 0`)
	g.do(t, "GET", "/", nil)
	g.wantNot(t, "> redis_call_response")
	server.Restart(t)
	g.plugins[0].Start()
	g.await(t, 1, `  buf 9 0 -> 0 "+PONG`)
}
