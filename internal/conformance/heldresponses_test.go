package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/httpfilter"
	"github.com/loom-gateway/loom/internal/plugin"
)

func pausingResponses(s *suite) {
	s.check("P-13", 1, "a pause of the response's headers holds the status line until it is continued", func(t *testing.T) {
		g := one(t, append(byTick("set 2 :status 201; set 2 x-b ticked; continue 1"), "response_headers: return 1")...)
		if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusCreated || a.header.Get("X-B") != "ticked" || !strings.HasPrefix(a.body, "GET / ") {
			t.Errorf("%+v", a)
		}
		wantOrder(t, g.log(), "> response_headers", "> tick", "  continue 1", "> response_body")
		testHeadOfSilentBackend(t)
	})
	s.check("P-15", 1, "a paused stream holds no instance: others on it go on meanwhile", testPausedHoldsNothing)
	s.check("P-14", 1, "a client that leaves ends the paused stream; continuing it later does nothing", testClientLeaves)
	s.check("P-16", 2, "pause_timeout ends a forgotten pause with 504, and the log says so", testPauseTimeout)
	s.check("P-17", 1, "close_stream cuts the exchange without an answer", testCloseStream)
}

// testHeadOfSilentBackend holds the head only, and lets it go before the backend has sent a body.
func testHeadOfSilentBackend(t *testing.T) {
	t.Helper()
	speak := make(chan struct{})
	g := serve(t, setup{
		plugins: probes(lines(append(byTick("set 2 x-b ticked; continue 1"), "response_headers: return 1", "response_body: upper 1")...), bodiesOfPausedHeaders),
		backend: func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-speak
			_, _ = io.WriteString(w, "late")
		},
	})
	res, err := g.Client().Get(g.URL)
	close(speak)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "LATE" || res.Header.Get("X-B") != "ticked" {
		t.Errorf("%q %v %v", body, err, res.Header)
	}
}

// testPausedHoldsNothing has the second request continue the first, on the only instance.
func testPausedHoldsNothing(t *testing.T) {
	g := serve(t, setup{plugins: probes(lines("request_headers: return 1", "request_body: effective 2; continue 0; return 0"), bodiesOfPausedHeaders)})
	waiting := make(chan answer, 1)
	go func() {
		a, _ := g.try(http.MethodGet, "/first", nil)
		waiting <- a
	}()
	g.await(t, 1, "> request_headers ctx=2")
	if a := g.do(t, http.MethodPost, "/second", strings.NewReader("body")); a.status != http.StatusOK || !strings.Contains(a.body, "/second") {
		t.Errorf("%+v", a)
	}
	if a := <-waiting; a.status != http.StatusOK || !strings.Contains(a.body, "/first") {
		t.Errorf("%+v", a)
	}
}

func testClientLeaves(t *testing.T) {
	for _, script := range []string{"request_headers: return 1", "response_headers: return 1", "response_body@eos: return 1"} {
		leaveWhilePaused(t, script)
	}
	g := one(t, "configure: tick 10", "tick: effective 2; continue 0; continue 1", "request_headers: return 0")
	g.get(t, "/")
	g.ended(t, 1)
	g.await(t, 1, "  effective 2 -> 2") // the stream is gone, and what follows changes nothing
	g.get(t, "/again")
}

func leaveWhilePaused(t *testing.T, script string) {
	t.Helper()
	g := one(t, script)
	ctx, leave := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if res, err := g.Client().Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}()
	callback, _, _ := strings.Cut(strings.Split(script, ":")[0], "@")
	g.await(t, 1, "> "+callback)
	leave()
	<-gone
	g.await(t, 1, "> delete")
	wantOrder(t, g.log(), "> "+callback, "> log", "> done", "> delete")
}

func testPauseTimeout(t *testing.T) {
	g := serve(t, setup{plugins: probes("request_headers: return 1", func(s *plugin.Spec) { s.PauseTimeout = 50 * time.Millisecond })})
	if a := g.do(t, http.MethodGet, "/", nil); a.status != http.StatusGatewayTimeout {
		t.Errorf("%+v", a)
	}
	var failure *httpfilter.Error
	if err := <-g.errors; !errors.As(err, &failure) || failure.Status != http.StatusGatewayTimeout {
		t.Errorf("%v", err)
	}
	if countContaining(g.messages(), "did not continue what it had paused") != 1 {
		t.Errorf("%q", g.messages())
	}
	g.want(t, "> log", "> done", "> delete")
}

func testCloseStream(t *testing.T) {
	for _, script := range []string{
		"request_headers: close 0; return 0", "request_headers: close 1; return 1", "response_headers: close 1; return 0",
		"configure: tick 10\ntick: effective $stream; close 0\nrequest_headers: return 1",
	} {
		g := one(t, script, "log: prop response|code_details")
		if a, err := g.try(http.MethodGet, "/", nil); err == nil {
			t.Errorf("%s: %+v", script, a)
		}
		g.await(t, 1, "> delete")
		g.want(t, `  prop response|code_details -> 0 "wasm_close_stream"`)
	}
}
