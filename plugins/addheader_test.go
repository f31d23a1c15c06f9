package plugins_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
)

func TestAddHeader(t *testing.T) {
	t.Parallel()
	code := guestbuild.Go(t, "add-header")

	t.Run("headers", func(t *testing.T) {
		t.Parallel()
		const config = `{
			"request":  {"set": {"x-team": "blue"}, "add": {"x-via": "loom"}, "remove": ["cookie"]},
			"response": {"set": {"server": "loom"}, "add": {"set-cookie": ["a=1", "b=2"]}, "remove": ["x-debug"]}
		}`
		p, logs, err := open(t, plugin.Spec{Name: "add-header", Code: code, Config: config, Instances: 1})
		if err != nil {
			t.Fatal(err, logs.All())
		}
		seen := make(chan http.Header, 1)
		server := serve(t, p, config, func(w http.ResponseWriter, r *http.Request) {
			seen <- r.Header.Clone()
			w.Header().Set("Server", "backend")
			w.Header().Set("X-Debug", "1")
			w.Header().Set("Set-Cookie", "own=0")
		})
		a := get(t, server, "X-Team", "red", "X-Via", "client", "Cookie", "k=v")

		request := <-seen
		if got := request["X-Team"]; !slices.Equal(got, []string{"blue"}) {
			t.Errorf("the backend saw x-team %q, want blue alone", got)
		}
		if got := request["X-Via"]; !slices.Equal(got, []string{"client", "loom"}) {
			t.Errorf("the backend saw x-via %q, want the client's and loom", got)
		}
		if got := request["Cookie"]; got != nil {
			t.Errorf("the backend saw cookie %q", got)
		}
		if a.header.Get("Server") != "loom" || a.header.Get("X-Debug") != "" {
			t.Errorf("the client got %v", a.header)
		}
		if got := a.header["Set-Cookie"]; !slices.Equal(got, []string{"own=0", "a=1", "b=2"}) {
			t.Errorf("the client got set-cookie %q", got)
		}
	})

	t.Run("without configuration", func(t *testing.T) {
		t.Parallel()
		p, _, err := open(t, plugin.Spec{Name: "add-header", Code: code, Instances: 1})
		if err != nil {
			t.Fatal(err)
		}
		server := serve(t, p, "", func(http.ResponseWriter, *http.Request) {})
		if a := get(t, server); a.header.Get("X-Plugin") != "add-header" {
			t.Errorf("the client got %v", a.header)
		}
	})

	t.Run("mistakes refuse the configuration", func(t *testing.T) {
		t.Parallel()
		_, logs, err := open(t, plugin.Spec{Name: "add-header", Code: code, Config: `{"respons": {}}`, Instances: 1})
		if err == nil {
			t.Error("an unknown field is accepted")
		}
		if entries := logs.FilterMessageSnippet(`unknown field "respons"`).Len(); entries == 0 {
			t.Error("the log does not name the unknown field:", logs.All())
		}
		if err != nil && !strings.Contains(err.Error(), "configur") {
			t.Errorf("the error does not say what was refused: %v", err)
		}
	})
}
