package httpfilter

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

func like(p proxywasm.Profile) func(*plugin.Spec) {
	return func(s *plugin.Spec) { s.Profile = p }
}

// What plugins for other hosts rely on: the end-of-stream flag and the count of headers, and which pauses there are.
func TestProfiles(t *testing.T) {
	const pauses = "response_headers: return 1\nresponse_body: return 1"
	for _, tc := range []struct {
		profile          proxywasm.Profile
		script           string
		request, respond string // what the header callbacks of a POST and its answer are told
	}{
		{proxywasm.ProfileLoom, "", "7 0", "2 0"},
		{proxywasm.ProfileKong, "response_headers: return 1", "7 0", "2 0"},
		{proxywasm.ProfileAPISIX, pauses, "0 1", "0 1"},
	} {
		g := serve(t, tc.script, echo, like(tc.profile))
		if a := g.do(t, "POST", "/", strings.NewReader("body")); a.status != http.StatusOK || !strings.HasSuffix(a.body, "body=body") {
			t.Errorf("profile %q: %+v", tc.profile, a)
		}
		if line := g.logged(t, "> request_headers"); !strings.HasSuffix(line, " "+tc.request) {
			t.Errorf("profile %q: %s, want %s", tc.profile, line, tc.request)
		}
		if line := g.logged(t, "> response_headers"); !strings.HasSuffix(line, " "+tc.respond) {
			t.Errorf("profile %q: %s, want %s", tc.profile, line, tc.respond)
		}
	}
}

func TestKongMergesPairs(t *testing.T) {
	g := serve(t, "request_headers: setpairs 0 x-a=new; get 0 x-b", echo, like(proxywasm.ProfileKong))
	if a := g.do(t, "GET", "/", nil, "X-A", "old", "X-B", "1"); !strings.Contains(a.body, `x-a=["new"]`) {
		t.Errorf("%+v", a)
	}
	g.logged(t, `  get 0 x-b -> 0 "1"`)
}

// Google's hosts take answers from three callbacks only.
func TestGoogleRefusesLateAnswers(t *testing.T) {
	g := serve(t, "response_body: reply 403 no", echo, like(proxywasm.ProfileGoogle))
	if a := g.do(t, "GET", "/", nil); a.status != http.StatusOK {
		t.Errorf("%+v", a)
	}
	g.logged(t, "  reply 403 no -> 2")
}

// A plugin may write to all streams that it has paused, whatever becomes of them meanwhile.
func TestTicksWriteToPausedStreams(t *testing.T) {
	var write strings.Builder
	for id := 2; id < 22; id++ {
		fmt.Fprintf(&write, "effective %d; set 0 x-a tick; add 2 x-b tick; setbuf 0 0 0 a; setbuf 1 0 0 b; continue 0; continue 1; ", id)
	}
	g := serve(t, strings.Join([]string{
		"configure: tick 1",
		"tick: " + write.String(),
		"request_headers: return 1", "request_body: return 1", "response_headers: return 1", "response_body: return 1",
	}, "\n"), echo, func(s *plugin.Spec) { s.Limits = proxywasm.Limits{TickPeriod: 1} })
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 5 {
				if a := g.do(t, "POST", "/", strings.NewReader("body")); a.status != http.StatusOK || !strings.Contains(a.body, "body") {
					t.Errorf("%+v", a)
				}
			}
		})
	}
	clients.Wait()
}

// Two lengths in one message are two messages to two readers.
func TestOneContentLength(t *testing.T) {
	g := serve(t, "response_headers: add 2 content-length 1; add 2 content-length x; setpairs 2 content-length=7,content-length=5,x-a=1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		_, _ = w.Write([]byte("hello"))
	}, func(s *plugin.Spec) { s.Phase = "on_response_headers" })
	if a := g.do(t, "GET", "/", nil); a.body != "hello" || len(a.header.Values("Content-Length")) != 1 {
		t.Errorf("%+v", a)
	}
}
