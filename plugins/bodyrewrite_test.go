package plugins_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
)

const rewriteConfig = `{
	"request":  {"rules": [{"text": "colour", "with": "color"}], "max_bytes": 1000},
	"response": {"rules": [{"text": "http://internal", "with": "https://edge.example.com"}, {"regexp": "id=(\\d+)", "with": "<$1>"}],
	             "max_bytes": 1000, "content_types": ["text/*"]}
}`

// rewriting serves the plugin in front of a backend.
func rewriting(t *testing.T, code []byte, backend http.HandlerFunc) *httptest.Server {
	t.Helper()
	p, logs, err := open(t, plugin.Spec{Name: "body-rewrite", Code: code, Config: rewriteConfig, Instances: 2})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	return serve(t, p, rewriteConfig, backend)
}

func TestBodyRewrite(t *testing.T) {
	t.Parallel()
	code := guestbuild.Go(t, "body-rewrite")
	t.Run("requests", func(t *testing.T) { t.Parallel(); testRewrittenRequests(t, code) })
	t.Run("responses", func(t *testing.T) { t.Parallel(); testRewrittenResponses(t, code) })
	t.Run("trailers", func(t *testing.T) { t.Parallel(); testRewriteBeforeTrailers(t, code) })
	t.Run("mistakes refuse the configuration", func(t *testing.T) {
		t.Parallel()
		_, logs, err := open(t, plugin.Spec{Name: "body-rewrite", Code: code, Config: `{"response": {"rules": [{"regexp": "("}]}}`, Instances: 1})
		if err == nil || logs.FilterMessageSnippet("response: rule 1: error parsing regexp").Len() == 0 {
			t.Errorf("%v, log %v", err, logs.All())
		}
	})
}

func testRewrittenRequests(t *testing.T, code []byte) {
	server := rewriting(t, code, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength >= 0 && r.ContentLength != int64(len(body)) {
			t.Errorf("content-length %d before %d bytes, %v", r.ContentLength, len(body), err)
		}
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("the backend may compress what the plugin is to read")
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(body)
	})
	long := strings.Repeat("colour ", 200)
	for name, c := range map[string]struct {
		contentType, body, want string
		chunked                 bool
	}{
		"shorter":               {contentType: "text/plain", body: "colour, colour", want: "color, color"},
		"in chunks":             {contentType: "application/vnd.api+json; charset=utf-8", body: `{"colour": 1}`, want: `{"color": 1}`, chunked: true},
		"empty":                 {contentType: "text/plain"},
		"another type":          {contentType: "image/png", body: "colour", want: "colour"},
		"too long":              {contentType: "text/plain", body: long, want: long},
		"too long, in chunks":   {contentType: "text/plain", body: long, want: long, chunked: true},
		"far too long":          {contentType: "text/plain", body: strings.Repeat(long, 2000), want: strings.Repeat(long, 2000), chunked: true},
		"with nothing to alter": {contentType: "text/plain", body: "grey", want: "grey"},
	} {
		var body io.Reader = strings.NewReader(c.body)
		if c.chunked {
			body = io.MultiReader(body) // hides the length
		}
		res, err := server.Client().Post(server.URL, c.contentType, body)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if string(got) != c.want || err != nil {
			t.Errorf("%s: the backend saw %d bytes %.60q, want %d %.60q (%v)", name, len(got), got, len(c.want), c.want, err)
		}
	}
}

func testRewrittenResponses(t *testing.T, code []byte) {
	const body, want = "see http://internal/a?id=17", "see https://edge.example.com/a?<17>"
	long := strings.Repeat("id=1 ", 400)
	server := rewriting(t, code, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("ETag", `"1"`)
		switch r.Header.Get("X-Case") {
		case "length":
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = io.WriteString(w, body)
		case "flushed":
			for _, b := range []byte(body) {
				_, _ = w.Write([]byte{b})
				w.(http.Flusher).Flush()
			}
		case "compressed":
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, body)
		case "part":
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, body)
		case "long":
			_, _ = io.WriteString(w, long)
		}
	})
	for name, want := range map[string]string{"length": want, "flushed": want, "compressed": body, "part": body, "long": long} {
		a := get(t, server, "X-Case", name, "Accept-Encoding", "identity")
		if a.body != want {
			t.Errorf("%s: the client got %.80q, want %.80q", name, a.body, want)
		}
		if length := a.header.Get("Content-Length"); length != "" && length != fmt.Sprint(len(want)) {
			t.Errorf("%s: content-length %s before %d bytes", name, length, len(want))
		}
		if read := name != "compressed" && name != "part"; read == (a.header.Get("ETag") != "") {
			t.Errorf("%s: etag %q", name, a.header.Get("ETag"))
		}
	}
}

// testRewriteBeforeTrailers: with trailers, no body callback says that the body has ended.
func testRewriteBeforeTrailers(t *testing.T, code []byte) {
	server := rewriting(t, code, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "a color" || r.Trailer.Get("X-Sum") != "1" {
			t.Errorf("the backend saw %q with trailers %v, %v", body, r.Trailer, err)
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "id=5")
		w.Header().Set("X-Sum", "2")
	})
	req, err := http.NewRequest(http.MethodPost, server.URL, io.MultiReader(strings.NewReader("a colour")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Trailer = http.Header{"X-Sum": {"1"}}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if string(body) != "<5>" || res.Trailer.Get("X-Sum") != "2" || err != nil {
		t.Errorf("the client got %q with trailers %v, %v", body, res.Trailer, err)
	}
}
