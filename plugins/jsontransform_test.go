package plugins_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
)

func TestJSONTransform(t *testing.T) {
	t.Parallel()
	eachBuild(t, "json-transform", testJSONTransform)
}

func testJSONTransform(t *testing.T, code []byte) {
	const config = `{
		"request":  {"remove": ["debug"], "rename": {"user.mail": "email"}, "set": {"via": "loom"}},
		"response": {"remove": ["items.*.secret"], "add": {"meta.page": 1}}
	}`
	p, logs, err := open(t, plugin.Spec{Name: "json-transform", Code: code, Config: config, Instances: 1})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	long := strings.Repeat("x", 100_000) // of several chunks
	for _, tc := range []struct {
		name, contentType, encoding    string
		send, want, answer, wantAnswer string
	}{
		{
			name: "JSON", contentType: "application/json",
			send: `{"debug": true, "user": {"mail": "a@b", "n": 12345678901234567890123}}`, want: `{"user":{"email":"a@b","n":12345678901234567890123},"via":"loom"}`,
			answer: `{"items": [{"secret": 1, "id": 2}, 3]}`, wantAnswer: `{"items":[{"id":2},3],"meta":{"page":1}}`,
		},
		{
			name: "a type with a suffix, of several chunks", contentType: "application/problem+json; charset=utf-8",
			send: `{"debug": "` + long + `", "a": "` + long + `"}`, want: `{"a":"` + long + `","via":"loom"}`,
			answer: `{"meta": {"page": 7}, "a": "` + long + `"}`, wantAnswer: `{"meta":{"page":7},"a":"` + long + `"}`,
		},
		{name: "another type", contentType: "text/plain", send: `{"debug": true}`, want: `{"debug": true}`, answer: `{ }`, wantAnswer: `{ }`},
		{name: "no JSON, whatever it says", contentType: "application/json", send: `{"debug": `, want: `{"debug": `, answer: "oops", wantAnswer: "oops"},
		{name: "compressed", contentType: "application/json", encoding: "gzip", send: `{"debug":1}`, want: `{"debug":1}`, answer: `{}`, wantAnswer: `{}`},
		{name: "no object", contentType: "application/json", send: `[1, 2]`, want: `[1,2]`, answer: "7", wantAnswer: "7"},
	} {
		for _, sized := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				server := serve(t, p, config, func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if err != nil || string(body) != tc.want {
						t.Errorf("the backend got %.100q (%v), want %.100q", body, err, tc.want)
					}
					if r.ContentLength >= 0 && r.ContentLength != int64(len(tc.want)) {
						t.Errorf("the backend was promised %d bytes, not %d", r.ContentLength, len(tc.want))
					}
					w.Header().Set("Content-Type", tc.contentType)
					if tc.encoding != "" {
						w.Header().Set("Content-Encoding", tc.encoding)
					}
					if sized {
						w.Header().Set("Content-Length", strconv.Itoa(len(tc.answer)))
					}
					for part := range strings.SplitAfterSeq(tc.answer, ":") {
						_, _ = io.WriteString(w, part)
						if !sized {
							_ = http.NewResponseController(w).Flush()
						}
					}
				})
				var body io.Reader = strings.NewReader(tc.send)
				if !sized {
					body = io.MultiReader(body)
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", tc.contentType)
				req.Header.Set("Accept-Encoding", "identity")
				if tc.encoding != "" {
					req.Header.Set("Content-Encoding", tc.encoding)
				}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				got, err := io.ReadAll(res.Body)
				if err != nil || string(got) != tc.wantAnswer {
					t.Errorf("the client got %.100q (%v), want %.100q", got, err, tc.wantAnswer)
				}
			})
		}
	}

	t.Run("messages with trailers", func(t *testing.T) {
		t.Parallel()
		body, trailer := postWithTrailer(t, serve(t, p, config, echoWithTrailer), "application/json", `{"debug": 1, "items": [{"secret": 2}]}`)
		if body != `{"items":[{}],"via":"loom","meta":{"page":1}}` || trailer.Get("X-Sum") != "request and response" {
			t.Errorf("the client got %q and %v", body, trailer)
		}
	})

	t.Run("without a body", func(t *testing.T) {
		t.Parallel()
		server := serve(t, p, config, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNoContent)
		})
		if a := get(t, server, "Content-Type", "application/json"); a.status != http.StatusNoContent || a.body != "" {
			t.Errorf("%d %q", a.status, a.body)
		}
	})

	refusesMistakes(t, plugin.Spec{Name: "json-transform", Code: code}, map[string]string{
		"":                                   "json-transform: the configuration cannot be read",
		`{"reqest": {}}`:                     "unknown field `reqest`",
		`{"request": {"remove": ["a."]}}`:    `request: the path "a." must end with the name of a field`,
		`{"response": {"rename": {"a": 7}}}`: `response: rename "a" to a name without dots`,
	})
}
