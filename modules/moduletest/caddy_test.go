package moduletest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

const hello = `{"handler": "static_response", "body": "hello {http.request.uri.path}"}`

func TestServeNeedsNoPort(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP("", hello))
	if got := body(t, c.Serve(httptest.NewRequest(http.MethodGet, "/there", nil))); got != "hello /there" {
		t.Errorf("body = %q", got)
	}
}

func TestStartListens(t *testing.T) {
	t.Parallel()
	c := moduletest.Provision(t, moduletest.HTTP("", hello)).Start()
	res, err := http.Get(c.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	if got := body(t, res); got != "hello /" {
		t.Errorf("body = %q", got)
	}
	if !strings.Contains(c.Logs(), `"logger":"http`) {
		t.Errorf("the log is not captured: %q", c.Logs())
	}
	c.Close()
	if res, err := http.Get(c.URL("")); err == nil {
		res.Body.Close()
		t.Error("the server still listens after Close")
	}
}

func TestRefusedConfig(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"no JSON":         `{`,
		"unknown app":     `{"apps": {"nothing": {}}}`,
		"unknown handler": moduletest.HTTP("", `{"handler": "nothing"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := moduletest.TryProvision(t, config); err == nil {
				t.Error("the config was accepted")
			}
		})
	}
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
