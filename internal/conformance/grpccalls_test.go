package conformance

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/upstream"
)

func grpcCalls(s *suite) {
	s.check("G-01", 2, "a unary call that succeeds is one on_grpc_receive with the message in buffer 5, and no close", unarySuccess)
	s.check("G-02", 2, "a unary call that fails is one on_grpc_close with the status; get_status gives code and text", unaryFailure)
	s.check("G-03", 2, "an unknown upstream answers PARSE_FAILURE, to a call and to a stream", unknownGRPCUpstream)
	s.check("G-04", 2, "path, framing, metadata, te, content-type and grpc-timeout are gRPC's", grpcOnTheWire)
	s.check("G-05", 2, "a stream hears initial metadata (map 4), messages, trailing metadata (map 5) and the close, in this order", grpcStreamInOrder)
	s.check("G-06", 2, "send with end_stream half-closes; send on an unknown token answers NOT_FOUND", grpcSend)
	s.check("G-07", 2, "after cancel no callback comes and the server is told; an unknown token answers NOT_FOUND", grpcCancel)
	s.check("G-08", 2, "close half-closes, and on_grpc_close still comes; an unknown token answers NOT_FOUND", grpcClose)
	s.check("G-09", 3, "the upstream may be a serialized GrpcService of Envoy", grpcServiceConfig)
	s.check("G-10", 2, "the imports without initial metadata and proxy_on_grpc_trailing_metadata (AssemblyScript) work", grpcShort)
	s.check("G-11", 2, "a message above the limit closes with 8, a wrong compression with 13; gzip is understood", grpcMessages)
	s.check("G-12", 1, "a gRPC call that cannot be made answers INTERNAL_FAILURE, never UNIMPLEMENTED", grpcNotPossible)
}

func withBackend(t *testing.T, u upstream.Settings, script ...string) *gateway {
	t.Helper()
	return serve(t, setup{plugins: []plugin.Spec{probe(lines(script...))}, upstreams: map[string]upstream.Settings{"backend": u}})
}

const resumeRequest = "; effective $stream; continue 0"

func unarySuccess(t *testing.T) {
	g := withBackend(t, grpcServer(t, grpcEcho),
		`request_headers: grpc backend pkg.Svc Get ping - 60000; return 1`,
		`grpc_receive: buf 5 0 99; status; buf 4 0 99`+resumeRequest)
	g.do(t, "GET", "/", nil)
	g.want(t, `> grpc_receive ctx=1 `, `  buf 5 0 -> 0 "/pkg.Svc/Get ping"`, `  status -> 0 0 ""`, `  buf 4 0 -> 1`)
	if n := len(g.find("> grpc_receive ")); n != 1 {
		t.Errorf("on_grpc_receive came %d times", n)
	}
	g.wantNot(t, "> grpc_close", "> grpc_initial", "> grpc_trailing")
}

func unaryFailure(t *testing.T) {
	g := withBackend(t, grpcServer(t, denied),
		`request_headers: grpc backend pkg.Svc Get ping - 60000; return 1`,
		`grpc_close: status`+resumeRequest)
	g.do(t, "GET", "/", nil)
	g.want(t, `> grpc_close ctx=1 7 `, `  status -> 0 7 "no entry"`)
	if n := len(g.find("> grpc_close ")); n != 1 {
		t.Errorf("on_grpc_close came %d times", n)
	}
	g.wantNot(t, "> grpc_receive")
}

func unknownGRPCUpstream(t *testing.T) {
	g := withBackend(t, grpcServer(t, grpcEcho), `request_headers: grpc nobody pkg.Svc Get ping; grpcstream nobody pkg.Svc Get`)
	g.do(t, "GET", "/", nil)
	g.want(t, `  grpc nobody pkg.Svc -> 4`, `  grpcstream nobody pkg.Svc -> 4`)
}

func grpcOnTheWire(t *testing.T) {
	seen := make(chan *http.Request, 1)
	body := make(chan string, 1)
	g := withBackend(t, h2cServer(t, func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		seen <- r
		body <- string(data)
		w.Header().Set("Content-Type", "application/grpc+proto")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = io.WriteString(w, "\x00\x00\x00\x00\x02ok")
		w.Header().Set("Grpc-Status", "0")
	}), `request_headers: grpc backend pkg.Svc Get a\0b x-a=1,x-a=2,x-b-bin=AQI,connection=x-c,x-c=no,te=deflate,:path=/evil 7000; return 1`,
		`grpc_receive: buf 5 0 99`+resumeRequest)
	g.do(t, "GET", "/", nil)
	g.want(t, `  buf 5 0 -> 0 "ok"`)
	r := <-seen
	if r.Method != "POST" || r.URL.Path != "/pkg.Svc/Get" || r.ProtoMajor != 2 {
		t.Errorf("%s %s %s", r.Method, r.URL.Path, r.Proto)
	}
	if got := <-body; got != "\x00\x00\x00\x00\x03a\x00b" {
		t.Errorf("the message on the wire is %q", got)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/grpc", "Te": "trailers", "Grpc-Timeout": "7000m", "X-A": "1 2", "X-B-Bin": "AQI", "X-C": "", "Connection": "",
	} {
		if got := strings.Join(r.Header[name], " "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func grpcStreamInOrder(t *testing.T) {
	g := withBackend(t, grpcServer(t, func(c *grpcCallee) error {
		c.SetTrailer(metadata.Pairs("x-last", "bye"))
		if err := c.SendHeader(metadata.Pairs("x-first", c.metadata.Get("x-md")[0])); err != nil {
			return err
		}
		for message, ok := c.receive(); ok; message, ok = c.receive() {
			if err := c.send("re " + message); err != nil {
				return err
			}
		}
		return nil
	}), `request_headers: grpcstream backend pkg.Svc Chat x-md=hello; grpcsend $token one; grpcsend $token two; grpcsend $token "" 1; return 1`,
		`grpc_initial: get 4 x-first; get 4 :status; get 5 x-last; buf 5 0 9`,
		`grpc_receive: buf 5 0 99`,
		`grpc_trailing: get 5 x-last; get 4 x-first`,
		`grpc_close: status`+resumeRequest)
	g.do(t, "GET", "/", nil)
	want := []string{
		`> grpc_initial ctx=1`, `  get 4 x-first -> 0 "hello"`, `  get 4 :status -> 0 "200"`, `  get 5 x-last -> 1`, `  buf 5 0 -> 1`,
		`> grpc_receive ctx=1`, `  buf 5 0 -> 0 "re one"`, `> grpc_receive ctx=1`, `  buf 5 0 -> 0 "re two"`,
		`> grpc_receive ctx=1`, `  buf 5 0 -> 0 "re "`,
		`> grpc_trailing ctx=1`, `  get 5 x-last -> 0 "bye"`, `  get 4 x-first -> 1`, `> grpc_close ctx=1 0`, `  status -> 0 0 ""`,
	}
	g.wantInOrder(t, want...)
}

// wantInOrder fails unless the lines come in this order, maybe with others between them.
func (g *gateway) wantInOrder(t *testing.T, prefixes ...string) {
	t.Helper()
	log := g.log()
	for _, line := range log {
		if len(prefixes) > 0 && strings.HasPrefix(line, prefixes[0]) {
			prefixes = prefixes[1:]
		}
	}
	if len(prefixes) > 0 {
		t.Errorf("no line %q in its place:\n%s", prefixes[0], strings.Join(log, "\n"))
	}
}

func grpcSend(t *testing.T) {
	g := withBackend(t, grpcServer(t, func(c *grpcCallee) error {
		var got []string
		for message, ok := c.receive(); ok; message, ok = c.receive() {
			got = append(got, message)
		}
		return c.send(strings.Join(got, "+"))
	}), `request_headers: grpcstream backend pkg.Svc Sum; grpcsend $token a; grpcsend $token b 1; grpcsend $token late; grpcsend 4711 x; grpc backend pkg.Svc Sum u; grpcsend $token v; return 1`,
		`grpc_receive: buf 5 0 9`, `grpc_close: grpcsend $token over`+resumeRequest)
	g.do(t, "GET", "/", nil)
	g.want(t, `  grpcsend 1 a -> 0`, `  grpcsend 1 b -> 0`, `  grpcsend 1 late -> 2`, `  grpcsend 4711 x -> 1`, `  grpcsend 2 v -> 2`,
		`  buf 5 0 -> 0 "a+b"`, `  grpcsend 1 over -> 1`)
}

func grpcCancel(t *testing.T) {
	gone := make(chan struct{}, 1)
	g := withBackend(t, grpcServer(t, func(c *grpcCallee) error {
		if err := c.send("first"); err != nil {
			return err
		}
		err := untilGone(c.Context())
		gone <- struct{}{}
		return err
	}), `request_headers: grpcstream backend pkg.Svc Watch; return 1`,
		`grpc_receive: grpccancel $token; grpccancel $token; grpccancel 4711; grpcsend $token x`+resumeRequest)
	g.do(t, "GET", "/", nil)
	select {
	case <-gone:
	case <-time.After(patience):
		t.Fatal("the server was not told")
	}
	g.want(t, `  grpccancel 1 -> 0`, `  grpccancel 1 -> 1`, `  grpccancel 4711 -> 1`, `  grpcsend 1 x -> 1`)
	g.wantNot(t, "> grpc_close", "> grpc_trailing")
}

func grpcClose(t *testing.T) {
	g := withBackend(t, grpcServer(t, func(c *grpcCallee) error {
		for _, ok := c.receive(); ok; _, ok = c.receive() {
			continue
		}
		return c.send("after the close")
	}), `request_headers: grpcstream backend pkg.Svc Watch; grpcclose $token; grpcclose 4711; return 1`,
		`grpc_receive: buf 5 0 99`, `grpc_close: grpcclose $token`+resumeRequest)
	g.do(t, "GET", "/", nil)
	g.want(t, `  grpcclose 1 -> 0`, `  grpcclose 4711 -> 1`, `  buf 5 0 -> 0 "after the close"`, `> grpc_close ctx=1 0`, `  grpcclose 1 -> 1`)
}

// inQuotes writes bytes for a script of the probe.
func inQuotes(data []byte) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for _, c := range data {
		b.WriteString(`\x`)
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return `"` + b.String() + `"`
}

func grpcServiceConfig(t *testing.T) {
	backend := grpcServer(t, grpcEcho)
	address := backend.Endpoints[0].Address
	service := func(field, inner protowire.Number, text string) []byte {
		message := protowire.AppendString(protowire.AppendTag(nil, inner, protowire.BytesType), text)
		data := protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), message)
		return protowire.AppendVarint(protowire.AppendTag(data, 9, protowire.VarintType), 1)
	}
	script := lines(
		`request_headers: grpc `+inQuotes(service(1, 1, "backend"))+` pkg.Svc Get cluster - 60000; grpc `+
			inQuotes(service(2, 1, "dns:///"+address))+` pkg.Svc Get target - 60000; grpc `+inQuotes(service(1, 1, "nobody"))+` pkg.Svc Get x`,
		`grpc_receive: buf 5 0 99`)
	spec := probe(script, func(s *plugin.Spec) { s.Allow.Addresses = []string{address} })
	g := serve(t, setup{plugins: []plugin.Spec{spec}, upstreams: map[string]upstream.Settings{"backend": backend}})
	g.do(t, "GET", "/", nil)
	g.await(t, 1, `  buf 5 0 -> 0 "/pkg.Svc/Get cluster"`)
	g.await(t, 1, `  buf 5 0 -> 0 "/pkg.Svc/Get target"`)
	if n := len(g.find("> grpc_")); n != 2 {
		t.Errorf("%d callbacks for two calls and one that cannot be made", n)
	}
}

func grpcShort(t *testing.T) {
	spec := plugin.Spec{Name: "short", Code: raw(t, "grpc-short"), Instances: 1}
	g := serve(t, setup{plugins: []plugin.Spec{spec}, upstreams: map[string]upstream.Settings{"backend": grpcServer(t, grpcEcho)}})
	g.await(t, 1, "received /pkg.Short/Call one")
	g.await(t, 1, "closed")
	g.wantInOrder(t, "initial", "received /pkg.Short/Stream two", "trailing", "closed")
}

func grpcMessages(t *testing.T) {
	const call = `request_headers: grpc backend pkg.Svc Get ping - 60000; return 1`
	for name, c := range map[string]struct {
		backend upstream.Settings
		want    string
	}{
		"too large": {grpcServer(t, func(c *grpcCallee) error { return c.send(strings.Repeat("x", 5<<20)) }), `  status -> 0 8 "a message has`},
		"flag without encoding": {h2cServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			_, _ = io.WriteString(w, "\x01\x00\x00\x00\x02ok")
		}), `  status -> 0 13 "a message is compressed`},
		"unknown encoding": {h2cServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Encoding", "br")
			_, _ = io.WriteString(w, "\x01\x00\x00\x00\x02ok")
		}), `  status -> 0 13 "a message is compressed`},
		"gzip": {grpcServer(t, func(c *grpcCallee) error {
			if err := grpc.SetSendCompressor(c.Context(), "gzip"); err != nil {
				return err
			}
			return c.send(strings.Repeat("z", 40))
		}), `  buf 5 0 -> 0 "zzzzzzzz"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := withBackend(t, c.backend, call, `grpc_receive: buf 5 0 8`+resumeRequest, `grpc_close: status`+resumeRequest)
			g.do(t, "GET", "/", nil)
			g.want(t, c.want)
		})
	}
}

func grpcNotPossible(t *testing.T) {
	backend := grpcServer(t, grpcEcho)
	plain := backend
	plain.Protocol = upstream.HTTP
	spec := probe(`request_headers: grpc plain pkg.Svc Get x; grpcstream plain pkg.Svc Get; grpc backend "" Get x; grpc backend pkg.Svc Get x; grpc backend pkg.Svc Get y`,
		func(s *plugin.Spec) { s.Limits.StreamCalls = 1 })
	g := serve(t, setup{plugins: []plugin.Spec{spec}, upstreams: map[string]upstream.Settings{"plain": plain, "backend": backend}})
	g.do(t, "GET", "/", nil)
	g.want(t, `  grpc plain pkg.Svc -> 10`, `  grpcstream plain pkg.Svc -> 10`, `  grpc backend  -> 10`)
	if got := g.find(`  grpc backend pkg.Svc -> `); len(got) != 2 || !strings.HasSuffix(got[0], "-> 0") || !strings.HasSuffix(got[1], "-> 10") {
		t.Errorf("two calls where one is allowed at a time: %q", got)
	}
}
