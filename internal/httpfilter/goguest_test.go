package httpfilter

import (
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
)

// An unmodified plugin of the Go SDK: bodies both ways, a local response, configuration, shared data, log.
func TestGoSDK(t *testing.T) {
	code := guestbuild.Go(t, "testdata/goguest")
	g := serve(t, "!", echo, func(s *plugin.Spec) { s.Code, s.Instances = code, 2 })
	a := g.do(t, "POST", "/p", strings.NewReader("hello"))
	if a.status != 200 || !strings.HasSuffix(a.body, "length=6 body=HELLO!!") || a.header.Get("X-Guest") != "go" {
		t.Errorf("%d %v %q", a.status, a.header, a.body)
	}
	if a := g.do(t, "GET", "/forbidden", nil); a.status != 403 || a.header.Get("X-Why") != "path" || a.body != "no entry!" {
		t.Errorf("local response: %d %v %q", a.status, a.header, a.body)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { g.do(t, "GET", "/", nil) })
	}
	wg.Wait()
	if g.logs.FilterMessage("request 21").Len() != 1 {
		t.Error("the instances did not count together")
	}
	for _, e := range g.logs.All() {
		if e.Level >= zapcore.ErrorLevel {
			t.Errorf("the guest logged %q", e.Message)
		}
	}
}
