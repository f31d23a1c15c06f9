package httpfilter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/net/http/httpguts"

	"github.com/loom-gateway/loom/internal/callout"
	"github.com/loom-gateway/loom/internal/guestmetrics"
	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
	"github.com/loom-gateway/loom/internal/upstream"
)

// commands are those of plugins/probe; a word in capitals stands for one of its list in words.
func commands() []string {
	return []string{
		"get MAP NAME", "pairs MAP", "size MAP", "add MAP NAME VALUE", "set MAP NAME VALUE", "del MAP NAME", "setpairs MAP PAIRS",
		"buf BUFFER NUMBER NUMBER", "bufstatus BUFFER", "setbuf BUFFER NUMBER NUMBER VALUE", "upper BUFFER",
		"continue NUMBER", "close NUMBER", "reply STATUS VALUE PAIRS VALUE NUMBER",
		"http UPSTREAM PAIRS VALUE PAIRS NUMBER", "grpc UPSTREAM VALUE VALUE VALUE PAIRS", "grpcstream UPSTREAM VALUE VALUE PAIRS",
		"grpcsend ID VALUE 1", "grpccancel ID", "grpcclose ID",
		"getdata KEY", "setdata KEY VALUE ID", "queue KEY", "resolve KEY KEY", "enqueue ID VALUE", "dequeue ID",
		"metric NUMBER KEY", "inc ID NUMBER", "record ID NUMBER", "value ID",
		"log NUMBER VALUE", "level", "time", "tick NUMBER", "status", "effective CONTEXT", "done",
		"prop PATH", "setprop PATH VALUE", "foreign KEY VALUE", "grow NUMBER",
	}
}

func words() map[string][]string {
	return map[string][]string{
		"MAP":     {"0", "1", "2", "3", "4", "5", "6", "7", "99"},
		"BUFFER":  {"0", "1", "2", "3", "4", "5", "6", "7", "8", "99"},
		"NUMBER":  {"0", "1", "2", "3", "7", "100", "2147483647", "4294967295"},
		"STATUS":  {"200", "204", "304", "100", "101", "503", "0", "99", "600", "1000", "4294967295"},
		"ID":      {"$id", "$token", "$cas", "0", "1", "4294967295"},
		"CONTEXT": {"$ctx", "$root", "0", "4294967295"}, // never that of another stream, whose data a guest may ask for
		// Outside of a stream any will do.
		"OUTSIDE":  {"$ctx", "$root", "$stream", "1", "2", "3"},
		"UPSTREAM": {"auth", "nobody", `""`, "http://127.0.0.1:1"},
		"KEY":      {"a", "b", `""`, "clear_route_cache", "compress", "declare_property", "expr_create", "set_envoy_filter_state"},
		"NAME": {
			"x-secret", ":path", ":status", ":method", ":authority", ":scheme", "host", "content-length", "transfer-encoding",
			"connection", "te", "trailer", "x-new", `""`, `"a b"`, `"a\r\nb"`, "X-ANSWER", "content-type", "cookie", "grpc-status",
		},
		"VALUE": {
			"v", "/new?q", `""`, "204", "5", "0", "-1", "999", "chunked", `"a\r\nb: c"`, `"\0"`, "example.org:1", "POST", "trailers", "x-a",
			"application/grpc", "CONNECT", "*", "https", `"/%zz"`,
		},
		"PAIRS": {"-", "a=b", ":status=200", ":path=/,:method=GET,:authority=a", ":path=/,:method=POST,:authority=a,x-a=1", "content-length=3,x=y", `"a\r\n=b"`, "=,=", "transfer-encoding=chunked"},
		"PATH": {
			"request|path", "request|headers|x-secret", "request|headers", "request", "response|code", "response|headers", "connection|id",
			"plugin_name", "source|address", "a", "|", `""`, "upstream|address", "filter_state|wasm.a", "request.path", "xds|route_name",
		},
	}
}

// script turns the bytes of an input into a script of the probe: a few commands for each callback.
func script(input []byte) string {
	next := func() int {
		if len(input) == 0 {
			return 0
		}
		b := input[0]
		input = input[1:]
		return int(b)
	}
	lists, all := words(), commands()
	var lines []string
	for _, callback := range []string{
		"request_headers", "request_body", "request_trailers", "response_headers", "response_body", "response_trailers",
		"log", "done", "delete", "context_create", "configure", "tick", "queue_ready", "foreign_function",
		"http_call_response", "grpc_initial", "grpc_receive", "grpc_trailing", "grpc_close",
	} {
		outside := strings.Contains(callback, "call") || strings.HasPrefix(callback, "grpc") || callback == "tick"
		var line []string
		for range next() % 5 {
			words := strings.Fields(all[next()%len(all)])
			for i, w := range words {
				if w == "CONTEXT" && outside {
					w = "OUTSIDE"
				}
				if list := lists[w]; list != nil {
					words[i] = list[next()%len(list)]
				}
			}
			line = append(line, strings.Join(words, " "))
		}
		switch callback {
		case "configure", "done":
			line = append(line, "return 1")
		default:
			line = append(line, fmt.Sprintf("return %d", next()%6/2))
		}
		lines = append(lines, callback+": "+strings.Join(line, "; "))
	}
	return strings.Join(lines, "\n")
}

// FuzzSequences runs two requests at once, one inside of the other, on one instance that makes any hostcalls in any order:
// nothing panics or hangs, neither sees what belongs to the other, and what comes out is HTTP.
func FuzzSequences(f *testing.F) {
	code, err := os.ReadFile("../../plugins/probe/probe.wasm")
	if err != nil {
		f.Fatal(err)
	}
	compiled, err := plugin.NewCode("")
	if err != nil {
		f.Fatal(err)
	}
	deps := plugin.Deps{Shared: shared.NewStore(), Code: compiled, Log: zap.NewNop()}
	keeper, err := plugin.Open(context.Background(), plugin.Spec{Name: "keeper", Code: code, Instances: 1}, deps) // keeps the code in memory
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(keeper.Close)
	lookUp := callable(f)
	for i := range commands() {
		f.Add([]byte{1, byte(i), 1, 1, 1, 0, 1, byte(i), 0, 0, 0, 0, 1, byte(i), 2, 2, 2, 0, 1, byte(i), 2, 0, 1, 0, 1, byte(i), 1, 1, 1, 0})
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 500 {
			t.Skip("more than a script can take")
		}
		core, logs := observer.New(zap.DebugLevel)
		spec := plugin.Spec{
			Name: "sequence", Code: code, Config: script(input), Instances: 1, PauseTimeout: 10 * time.Millisecond,
			FailurePolicy: plugin.Policy(plugin.Policies()[len(input)%len(plugin.Policies())]),
		}
		p, err := plugin.Open(context.Background(), spec, plugin.Deps{
			Shared: shared.NewStore(), Metrics: guestmetrics.NewStore().Of("sequence"), Code: compiled, Log: zap.New(core), Upstreams: lookUp,
		})
		if err != nil {
			return // it fails while it is configured
		}
		p.Start()
		c, err := p.Context(context.Background(), spec.Config)
		if err != nil {
			t.Fatal(err)
		}
		s := &sequence{T: t, filter: New(c, Options{Log: zap.New(core)})}
		s.exchange("alpha", "beta", func() { s.exchange("beta", "alpha", func() {}) })
		if n := p.Snapshot().Streams; n != 0 {
			t.Errorf("%d streams are left", n)
		}
		c.Release()
		p.Close()
		select {
		case <-p.Freed():
		case <-time.After(time.Minute):
			t.Error("the plugin does not end")
		}
		s.checkLogs(logs)
	})
}

// callable is an upstream that the plugin may call, by the name of auth.
func callable(f *testing.F) callout.Lookup {
	f.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-User", "bob")
		_, _ = io.WriteString(w, "answer")
	}))
	u, err := upstream.New(upstream.Settings{
		Name: "auth", Endpoints: []upstream.EndpointSettings{{Address: strings.TrimPrefix(server.URL, "http://")}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { u.Close(); server.Close() })
	return func(name string) (*upstream.Upstream, error) {
		if name != "auth" {
			return nil, errors.New("unknown upstream")
		}
		return u, nil
	}
}

type sequence struct {
	*testing.T
	filter *Filter
}

// exchange is a request whose headers, body and answer carry a mark; meanwhile runs while it is at the backend.
func (s *sequence) exchange(mark, other string, meanwhile func()) {
	r := httptest.NewRequest(http.MethodPost, "/"+mark, strings.NewReader(mark+" body"))
	r.Header.Set("X-Secret", mark)
	r.Header.Set("Cookie", "session="+mark)
	r.Trailer = http.Header{"X-Trailer": {mark}}
	w := httptest.NewRecorder()
	backend := func(w http.ResponseWriter, r *http.Request) error {
		body, _ := io.ReadAll(r.Body)
		s.checkHeaders(other, r.Header, r.Trailer)
		if text := fmt.Sprint(r.Method, r.URL, r.Host, string(body)); strings.Contains(text, other) {
			s.Errorf("the backend of %s gets %s", mark, text)
		}
		meanwhile()
		w.Header().Set("X-Answer", mark)
		w.Header().Set("Trailer", "X-End")
		_, err := io.WriteString(w, mark+" answer")
		w.Header().Set("X-End", mark)
		return err
	}
	s.serve(w, r, backend)
	answer := w.Result()
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if strings.Contains(string(body), other) {
		s.Errorf("the client of %s gets %q", mark, body)
	}
	s.checkHeaders(other, answer.Header, answer.Trailer)
}

func (s *sequence) serve(w http.ResponseWriter, r *http.Request, next Next) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
			panic(v)
		}
	}()
	err := s.filter.ServeHTTP(w, r, next)
	if failure := (*Error)(nil); errors.As(err, &failure) && (failure.Status < 400 || failure.Status > 599) {
		s.Errorf("an error with status %d: %v", failure.Status, err)
	}
}

// checkHeaders looks for the mark of another request, and for what would not be HTTP.
func (s *sequence) checkHeaders(other string, maps ...http.Header) {
	for _, m := range maps {
		for name, values := range m {
			name = strings.TrimPrefix(name, http.TrailerPrefix) // net/http's way to set a trailer late
			for _, v := range values {
				if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(v) {
					s.Errorf("the header %q: %q is not one", name, v)
				}
				if strings.Contains(v, other) {
					s.Errorf("the header %s has %q, which belongs to the other request", name, v)
				}
			}
		}
	}
}

// checkLogs looks at what the guest saw, by the context that saw it.
func (s *sequence) checkLogs(logs *observer.ObservedLogs) {
	marks := map[uint64]string{}
	for _, e := range logs.All() {
		text := fmt.Sprint(e.Message, e.ContextMap())
		if strings.Contains(text, "runtime error") {
			s.Errorf("the host panicked: %s", text)
		}
		root, id := number(e.Context, "root_context"), number(e.Context, "context")
		for _, mark := range []string{"alpha", "beta"} {
			if id == root || !strings.Contains(e.Message, mark) {
				continue
			}
			if marks[id] != "" && marks[id] != mark {
				s.Errorf("context %d saw the data of both requests, last in %q", id, e.Message)
			}
			marks[id] = mark
		}
	}
}

func number(fields []zapcore.Field, name string) uint64 {
	for _, f := range fields {
		if f.Key == name {
			return uint64(f.Integer)
		}
	}
	return 0
}
