package plugins_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

func TestRequestID(t *testing.T) { eachBuild(t, "request-id", testRequestID) }

// stamped is one exchange through the plugin: the ids that the backend and the client saw.
func stamped(t *testing.T, code []byte, config string, headers ...string) (backend, client []string) {
	t.Helper()
	p, logs, err := open(t, plugin.Spec{Name: "request-id", Code: code, Config: config, Instances: 1})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	seen := make(chan http.Header, 1)
	server := serve(t, p, config, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		w.Header().Set("X-Request-Id", "the backend's own")
	})
	a := get(t, server, headers...)
	return (<-seen)["X-Request-Id"], a.header["X-Request-Id"]
}

func testRequestID(t *testing.T, code []byte) {
	v4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	v7 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for name, c := range map[string]struct {
		config, sent string
		want         *regexp.Regexp // nil: what was sent
	}{
		"an id for who has none":      {want: v4},
		"a client's is not believed":  {sent: "mine", want: v4},
		"unless it is trusted":        {config: `{"trust": true}`, sent: "Mine-1/2:3=4+5~6_7.8"},
		"trusted, but there is none":  {config: `{"trust": true, "format": "uuid7"}`, want: v7},
		"trusted, but no id":          {config: `{"trust": true}`, sent: "a b", want: v4},
		"trusted, but not ASCII":      {config: `{"trust": true}`, sent: "é", want: v4},
		"trusted, but not even UTF-8": {config: `{"trust": true}`, sent: "\xff\xfe", want: v4},
		"trusted, but too long":       {config: `{"trust": true}`, sent: strings.Repeat("a", 129), want: v4},
		"as long as may be":           {config: `{"trust": true}`, sent: strings.Repeat("a", 128)},
		"sortable":                    {config: ` { "format" : "uuid7" } `, want: v7},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if c.sent != "" {
				headers = []string{"X-Request-Id", c.sent}
			}
			backend, client := stamped(t, code, c.config, headers...)
			if len(backend) != 1 || !slices.Equal(backend, client) {
				t.Fatalf("the backend saw %q, the client %q", backend, client)
			}
			if want := c.want; want == nil && backend[0] != c.sent || want != nil && !want.MatchString(backend[0]) {
				t.Errorf("the id is %q", backend[0])
			}
		})
	}
	t.Run("the response is left alone", func(t *testing.T) {
		if _, client := stamped(t, code, `{"response": false}`); !slices.Equal(client, []string{"the backend's own"}) {
			t.Errorf("the client saw %q", client)
		}
	})
	t.Run("two values become one", func(t *testing.T) {
		backend, _ := stamped(t, code, `{"trust": true}`, "X-Request-Id", "a", "X-Request-Id", "b")
		if !slices.Equal(backend, []string{"a"}) {
			t.Errorf("the backend saw %q", backend)
		}
	})
	t.Run("ids", func(t *testing.T) { testIDsDiffer(t, code) })
	t.Run("mistakes refuse the configuration", func(t *testing.T) { testRequestIDMistakes(t, code) })
}

// testIDsDiffer: another header's name, many ids, and those that begin with the time in order.
func testIDsDiffer(t *testing.T, code []byte) {
	const config = `{"header": "X-Correlation-ID", "format": "uuid7"}`
	p, logs, err := open(t, plugin.Spec{Name: "request-id", Code: code, Config: config, Instances: 2})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	server := serve(t, p, config, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Header.Get("X-Correlation-Id"))
	})
	var ids, times []string
	for range 50 {
		a := get(t, server)
		id := a.header.Get("X-Correlation-Id")
		if id == "" || id != a.header.Get("X-Seen") || slices.Contains(ids, id) {
			t.Errorf("id %q, the backend saw %q", id, a.header.Get("X-Seen"))
		}
		ids, times = append(ids, id), append(times, id[:13])
	}
	if !slices.IsSorted(times) {
		t.Errorf("the ids do not sort as they were made: %q", ids)
	}
}

func testRequestIDMistakes(t *testing.T, code []byte) {
	for config, want := range map[string]string{
		`{"headr": "x"}`:               `unknown setting "headr"; there are header, trust, response, format`,
		`{"trust": "yes"}`:             `"trust" must be true or false`,
		`{"header": true}`:             `"header" must be a text in quotes`,
		`{"header": "x id"}`:           `header "x id" is no name of a header`,
		`{"header": ""}`:               `header "" is no name`,
		`{"format": "uuid5"}`:          `format "uuid5" is not known: write uuid4 or uuid7`,
		`{"trust": 1}`:                 `"trust" must be a text in quotes, true or false (at character 11)`,
		`{"trust": true,}`:             `there should be a "`,
		`{"trust": true`:               `there should be a ,`,
		`{"format": "uuid4`:            `a text has no end`,
		`{} {}`:                        `there is something behind the object`,
		`header`:                       `there should be a {`,
		`{"trust":true,"trust":false}`: `"trust" stands there twice`,
	} {
		_, logs, err := open(t, plugin.Spec{Name: "request-id", Code: code, Config: config, Instances: 1})
		if err == nil || logs.FilterMessageSnippet(want).Len() == 0 {
			t.Errorf("%s: %v, the log does not say %q: %v", config, err, want, logs.All())
		}
	}
	p, logs, err := open(t, plugin.Spec{Name: "request-id", Code: code, Instances: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Context(t.Context(), `{"trust": true}`); err == nil || logs.FilterMessageSnippet("give the route an entry of its own").Len() == 0 {
		t.Errorf("a second configuration is accepted: %v %v", err, logs.All())
	}
}
