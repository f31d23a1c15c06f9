package cors_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"

	_ "github.com/loom-gateway/loom/modules/gateway"
	_ "github.com/loom-gateway/loom/modules/middleware/cors"
	"github.com/loom-gateway/loom/modules/moduletest"
	_ "github.com/loom-gateway/loom/modules/router"
)

func init() { caddy.RegisterModule(backend{}) }

// backend answers as one that has CORS of its own, or with an error of the gateway.
type backend struct{}

func (backend) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.cors_backend", New: func() caddy.Module { return new(backend) }}
}

func (backend) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	switch r.URL.Path {
	case "/limited":
		return caddyhttp.Error(http.StatusTooManyRequests, errors.New("slow down"))
	case "/broken":
		return caddyhttp.Error(http.StatusBadGateway, errors.New("no backend"))
	}
	w.Header().Add("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	w.Header().Add("Vary", "Accept-Encoding, origin")
	w.Header().Set("Backend", r.Method)
	w.WriteHeader(http.StatusOK)
	return nil
}

func config(settings string) string {
	return moduletest.HTTP(`{}`, `{"handler":"loom_router","middleware":[{"handler":"loom_cors",`+settings+`}],
		"routes":[{"id":"a","paths":["/a","/limited","/broken"],"methods":["GET","PUT","OPTIONS"],"handle":[{"handler":"cors_backend"}]},
			{"id":"closed","paths":["/closed"],"without":["loom_cors"],"handle":[{"handler":"static_response"}]}]}`)
}

// protocol are the fields of a response that CORS is about.
func protocol(h http.Header) map[string]string {
	fields := map[string]string{}
	for name, values := range h {
		if short, ok := strings.CutPrefix(name, "Access-Control-"); ok {
			fields[short] = strings.Join(values, " | ")
		}
	}
	if vary := h["Vary"]; len(vary) > 0 {
		fields["Vary"] = strings.Join(vary, " | ")
	}
	return fields
}

type fields = map[string]string

func TestCORS(t *testing.T) {
	t.Parallel()
	const some = `"origins":["https://a.test","https://*.b.test"],"methods":["PUT"],"headers":["X-Key"],"expose":["Retry-After"],"credentials":true,"max_age":"10m"`
	allowed := func(origin, vary string) fields {
		return fields{"Allow-Origin": origin, "Allow-Credentials": "true", "Expose-Headers": "retry-after", "Vary": vary}
	}
	for name, test := range map[string]struct {
		settings, method, path string
		sent                   string // Header: value; …
		status                 int
		want                   fields
	}{
		"an origin":               {some, "GET", "/a", "Origin: https://a.test", 200, allowed("https://a.test", "Origin | Accept-Encoding, origin")},
		"a subdomain":             {some, "GET", "/a", "Origin: https://x.y.b.test", 200, allowed("https://x.y.b.test", "Origin | Accept-Encoding, origin")},
		"not the domain itself":   {some, "GET", "/a", "Origin: https://b.test", 200, fields{"Vary": "Origin | Accept-Encoding, origin"}},
		"another origin":          {some, "GET", "/a", "Origin: https://evil.test", 200, fields{"Vary": "Origin | Accept-Encoding, origin"}},
		"a name that ends so":     {some, "GET", "/a", "Origin: https://evilb.test", 200, fields{"Vary": "Origin | Accept-Encoding, origin"}},
		"another scheme":          {some, "GET", "/a", "Origin: http://a.test", 200, fields{"Vary": "Origin | Accept-Encoding, origin"}},
		"null":                    {some, "GET", "/a", "Origin: null", 200, fields{"Vary": "Origin | Accept-Encoding, origin"}},
		"no origin":               {some, "GET", "/a", "", 200, fields{"Vary": "Origin | Accept-Encoding, origin"}},
		"a limit":                 {some, "GET", "/limited", "Origin: https://a.test", 429, allowed("https://a.test", "Origin")},
		"a failure":               {some, "GET", "/broken", "Origin: https://a.test", 502, allowed("https://a.test", "Origin")},
		"no route":                {some, "GET", "/missing", "Origin: https://a.test", 404, allowed("https://a.test", "Origin")},
		"a wrong method":          {some, "POST", "/a", "Origin: https://a.test", 405, allowed("https://a.test", "Origin")},
		"OPTIONS of an API":       {some, "OPTIONS", "/a", "Origin: https://a.test", 200, fields{"Allow-Origin": "https://a.test", "Allow-Credentials": "true", "Expose-Headers": "retry-after", "Vary": "Accept-Encoding, origin"}},
		"all origins":             {`"origins":["*"]`, "GET", "/a", "Origin: https://x.test", 200, fields{"Allow-Origin": "*", "Vary": "Accept-Encoding, origin"}},
		"all origins, without":    {`"origins":["*"]`, "GET", "/a", "", 200, fields{"Allow-Origin": "*", "Vary": "Accept-Encoding, origin"}},
		"off for a route":         {some, "GET", "/closed", "Origin: https://a.test", 200, fields{}},
		"preflight":               {some, "OPTIONS", "/limited", "Origin: https://a.test; Access-Control-Request-Method: PUT; Access-Control-Request-Headers: x-key", 204, fields{"Allow-Origin": "https://a.test", "Allow-Credentials": "true", "Allow-Methods": "PUT", "Allow-Headers": "x-key", "Max-Age": "600"}},
		"preflight of a stranger": {some, "OPTIONS", "/a", "Origin: https://evil.test; Access-Control-Request-Method: PUT", 403, fields{}},
		"preflight of a method":   {some, "OPTIONS", "/a", "Origin: https://a.test; Access-Control-Request-Method: DELETE", 403, fields{}},
		"preflight of a header":   {some, "OPTIONS", "/a", "Origin: https://a.test; Access-Control-Request-Method: PUT; Access-Control-Request-Headers: x-other", 403, fields{}},
		"preflight, off":          {some, "OPTIONS", "/closed", "Origin: https://a.test; Access-Control-Request-Method: PUT", 200, fields{}},
		"private network":         {some + `,"private_network":true`, "OPTIONS", "/a", "Origin: https://a.test; Access-Control-Request-Method: GET; Access-Control-Request-Private-Network: true", 204, fields{"Allow-Origin": "https://a.test", "Allow-Credentials": "true", "Max-Age": "600", "Allow-Private-Network": "true"}},
		"private network, denied": {some + `,"private_network":true`, "OPTIONS", "/a", "Origin: https://evil.test; Access-Control-Request-Method: GET; Access-Control-Request-Private-Network: true", 403, fields{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(test.method, test.path, nil)
			for field := range strings.SplitSeq(test.sent, "; ") {
				if name, value, ok := strings.Cut(field, ": "); ok {
					r.Header.Set(name, value)
				}
			}
			res := moduletest.Provision(t, config(test.settings)).Serve(r)
			_ = res.Body.Close()
			if got := protocol(res.Header); res.StatusCode != test.status || !maps.Equal(got, test.want) {
				t.Errorf("%d %v, want %d %v", res.StatusCode, got, test.status, test.want)
			}
			if strings.HasPrefix(name, "preflight") && res.Header.Get("Backend") != "" {
				t.Error("the preflight has reached the route's handlers")
			}
		})
	}
}

func TestDangerousSettings(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string][]string{
		`"origins":[]`:                                                   {"name at least one"},
		`"origins":["*"],"credentials":true`:                             {"every page act with the cookies"},
		`"origins":["https://*.com"],"credentials":true`:                 {"whoever registers a name below it"},
		`"origins":["http://a.test"],"credentials":true`:                 {"use https"},
		`"origins":["null"]`:                                             {`origin "null"`},
		`"origins":["https://a.test/"]`:                                  {"without a path"},
		`"origins":["a.test"],"methods":["CONNECT"],"expose":["é"]`:      {"origin", "method", "response header"},
		`"origins":["https://a.test"],"credentials":true,"expose":["*"]`: {"name the headers"},
		`"origins":["*"],"max_age":"25h"`:                                {"up to 24h"},
	} {
		_, err := moduletest.TryProvision(t, config(settings))
		for _, text := range want {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %q", settings, err, text)
			}
		}
	}
}

// A response on which CORS is to be has no other garbage than its writer, the fields in it, and their one or two values.
func TestCostOfOtherRequests(t *testing.T) {
	allocs := func(path string) float64 {
		c := moduletest.Provision(t, moduletest.HTTP(`{}`, `{"handler":"loom_router","middleware":[{"handler":"loom_cors","origins":["https://a.test"]}],
			"routes":[{"id":"on","paths":["/on"],"handle":[{"handler":"static_response"}]},{"id":"off","paths":["/off"],"without":["loom_cors"],"handle":[{"handler":"static_response"}]}]}`))
		r := httptest.NewRequest("GET", path, nil)
		return testing.AllocsPerRun(100, func() { _ = c.Serve(r).Body.Close() })
	}
	if off, on := allocs("/off"), allocs("/on"); on > off+5 {
		t.Errorf("%v allocations without, %v with", off, on)
	}
}
