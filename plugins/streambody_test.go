package plugins_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
)

func TestStreamBody(t *testing.T) {
	t.Parallel()
	eachBuild(t, "stream-body", testStreamBody)
}

func testStreamBody(t *testing.T, code []byte) {
	start := func(t *testing.T, config string, backend http.HandlerFunc) string {
		t.Helper()
		p, logs, err := open(t, plugin.Spec{Name: "stream-body", Code: code, Config: config, Instances: 1})
		if err != nil {
			t.Fatal(err, logs.All())
		}
		return serve(t, p, config, backend).URL
	}

	t.Run("rules", func(t *testing.T) {
		t.Parallel()
		for _, tc := range []struct{ config, body, request, response string }{
			{"", "Ab", "Ab", "Ab"},
			{"request upper", "Ab", "AB", "AB"},
			{"response lower", "Ab", "Ab", "ab"},
			{"request upper\nresponse lower", "Ab", "AB", "ab"},
			{"request mask pin=", "a=1&pin=1234&b=pin", "a=1&pin=****&b=pin", "a=1&pin=****&b=pin"},
			{"request mask aab", "aaab12 aab", "aaab** aab", "aaab** aab"},
			{`request mask "pin":"`, `{"pin":"12","pin":"345"}`, `{"pin":"**","pin":"***"}`, `{"pin":"**","pin":"***"}`},
			{"# two\nrequest mask pin=\r\nrequest mask key=\n\nrequest upper", "pin=a key=b", "PIN=* KEY=*", "PIN=* KEY=*"},
			{"request upper", "", "", ""},
		} {
			seen := make(chan string, 1)
			url := start(t, tc.config, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				seen <- string(body)
				_, _ = w.Write(body)
			})
			res, err := http.Post(url, "text/plain", strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if got := <-seen; err != nil || got != tc.request || string(body) != tc.response {
				t.Errorf("%q: the backend saw %q and the client %q (%v), want %q and %q", tc.config, got, body, err, tc.request, tc.response)
			}
		}
	})

	t.Run("chunks pass one by one", func(t *testing.T) {
		t.Parallel()
		// The secret's mark is split in each way that there is.
		chunks := []string{"p", "in=12", "34 pi", "n", "=5", "6\n", strings.Repeat("x", 50_000), "pin=7 end"}
		want := []string{"p", "in=**", "** pi", "n", "=*", "*\n", strings.Repeat("x", 50_000), "pin=* end"}
		url := start(t, "request mask pin=\nresponse mask pin=", func(w http.ResponseWriter, r *http.Request) {
			control := http.NewResponseController(w)
			_ = control.EnableFullDuplex()
			for i := range chunks {
				buf := make([]byte, len(want[i]))
				if _, err := io.ReadFull(r.Body, buf); err != nil || string(buf) != want[i] {
					t.Errorf("the backend got %.20q (%v) as chunk %d, want %.20q", buf, err, i, want[i])
				}
				_, _ = io.WriteString(w, chunks[i])
				_ = control.Flush()
			}
		})
		// A chunk is sent only after the one before came back: whoever keeps a byte back ends this in a deadlock.
		sent, body := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, sent)
		if err != nil {
			t.Fatal(err)
		}
		started := make(chan struct{})
		go func() {
			_, _ = io.WriteString(body, chunks[0])
			close(started)
		}()
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		<-started
		for i := range chunks {
			buf := make([]byte, len(want[i]))
			if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != want[i] {
				t.Fatalf("the client got %.20q (%v) as chunk %d, want %.20q", buf, err, i, want[i])
			}
			if i+1 < len(chunks) {
				_, _ = io.WriteString(body, chunks[i+1])
			}
		}
		_ = body.Close()
		if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
			t.Errorf("after the end came %q, %v", rest, err)
		}
	})

	t.Run("messages with trailers", func(t *testing.T) {
		t.Parallel()
		const config = "request mask pin=\nresponse mask key="
		p, logs, err := open(t, plugin.Spec{Name: "stream-body", Code: code, Config: config, Instances: 1})
		if err != nil {
			t.Fatal(err, logs.All())
		}
		body, trailer := postWithTrailer(t, serve(t, p, config, echoWithTrailer), "text/plain", "pin=12 key=34 pin=")
		if body != "pin=** key=** pin=" || trailer.Get("X-Sum") != "request and response" {
			t.Errorf("the client got %q and %v", body, trailer)
		}
	})

	t.Run("what is larger than any buffer", func(t *testing.T) {
		t.Parallel()
		const size = 3 * proxywasm.DefaultBodyLimit
		large := bytes.Repeat([]byte("secret=abc "), size/11)
		url := start(t, "request mask secret=\nresponse upper", func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex() // net/http would throw away what is unread
			_, _ = io.Copy(w, r.Body)
		})
		for name, body := range map[string]io.Reader{"with a length": bytes.NewReader(large), "in chunks": io.MultiReader(bytes.NewReader(large))} {
			res, err := http.Post(url, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if want := bytes.Repeat([]byte("SECRET=*** "), size/11); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: got %d bytes, %.40q, %v; want %d", name, len(got), got, err, len(want))
			}
		}
	})

	refusesMistakes(t, plugin.Spec{Name: "stream-body", Code: code}, map[string]string{
		"both upper":                              `stream-body: line 1: "both upper": a line begins with request or response`,
		"request upper\nrequest shout":            `line 2: "request shout": the action is not known`,
		"request mask":                            "mask is followed by what stands before the secret",
		"request mask " + strings.Repeat("x", 65): "at most 64 bytes",
		"request upper all":                       "stand alone",
		strings.Repeat("request upper\n", 9):      "there are eight rules already",
	})
}
