package wasmfilter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/modules/gateway"
	"github.com/loom-gateway/loom/modules/moduletest"
)

func init() {
	caddy.RegisterModule(reverse{})
}

// reverse is a foreign function: it answers with the arguments in capitals, and later with them turned around.
type reverse struct{ provisioned bool }

func (reverse) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "loom.foreign.test_reverse", New: func() caddy.Module { return new(reverse) }}
}

func (f *reverse) Provision(caddy.Context) error {
	f.provisioned = true
	return nil
}

func (f *reverse) CallForeign(call gateway.ForeignCall) ([]byte, error) {
	text := string(call.Args)
	if text == "" || !f.provisioned {
		return nil, gateway.ErrForeignArguments
	}
	go func() {
		var turned strings.Builder
		for i := len(text) - 1; i >= 0; i-- {
			turned.WriteByte(text[i])
		}
		call.Answer(3, []byte(turned.String()))
	}()
	return []byte(call.Plugin + ":" + strings.ToUpper(text)), nil
}

// A module of the binary is a function for every plugin, without a line in the config.
func TestForeignFunctionOfAModule(t *testing.T) {
	t.Parallel()
	script := "request_headers: foreign test_reverse abc; set 0 x-order $val; foreign test_reverse; foreign test_other\nforeign_function: buf 8 0 10"
	c := moduletest.Provision(t, moduletest.HTTP(
		`{"plugins":{"caller":{"path":`+moduletest.Quote(probePath(t))+`,"config":`+moduletest.Quote(script)+`}}}`,
		`{"handler":"loom_wasm","plugins":[{"name":"caller"}]}`, answer))
	if status, body := get(t, c); status != 200 || !strings.HasPrefix(body, "caller:ABC ") {
		t.Errorf("%d %q", status, body)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(c.Logs(), `buf 8 0 -> 0 \"cba\"`); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the later answer did not come:\n%s", c.Logs())
		}
	}
	for _, want := range []string{"foreign test_reverse -> 2", "foreign test_other -> 1", "> foreign_function ctx=1 3 3"} {
		if !strings.Contains(c.Logs(), want) {
			t.Errorf("no %q in the log:\n%s", want, c.Logs())
		}
	}
}
