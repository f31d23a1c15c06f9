package router

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

func TestDropNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ sent, want http.Header }{
		"none":            {http.Header{"X-User": {"a"}}, http.Header{"X-User": {"a"}}},
		"a field":         {http.Header{"Connection": {"close, X-User"}, "X-User": {"a"}}, http.Header{"Connection": {"close"}}},
		"any spelling":    {http.Header{"Connection": {"x-USER"}, "X-User": {"a"}}, http.Header{}},
		"several lists":   {http.Header{"Connection": {"x-a", "X-B,, keep-alive"}, "X-A": {"1"}, "X-B": {"2"}}, http.Header{"Connection": {"keep-alive"}}},
		"an upgrade":      {http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}, http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}},
		"trailers":        {http.Header{"Connection": {"TE"}, "Te": {"trailers"}}, http.Header{"Connection": {"TE"}, "Te": {"trailers"}}},
		"what is to come": {http.Header{"Connection": {"X-User"}}, http.Header{}},
	} {
		dropNamed(test.sent)
		if !maps.EqualFunc(test.sent, test.want, slices.Equal) {
			t.Errorf("%s: %v, want %v", name, test.sent, test.want)
		}
	}
}
