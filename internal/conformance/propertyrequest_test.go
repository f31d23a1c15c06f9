package conformance

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// asked serves one request and asks in on_request_headers for the properties of a map.
func asked[V any](t *testing.T, want map[string]V, method, path, body string, header ...string) *gateway {
	t.Helper()
	g := serve(t, setup{plugins: []plugin.Spec{probe(asks("request_headers", slices.Sorted(maps.Keys(want))...))}})
	g.do(t, method, path, strings.NewReader(body), header...)
	g.ended(t, 1)
	return g
}

// propertyForms are the paths and the wire forms.
func propertyForms(s *suite) {
	s.check("A-01", 1, "a path may end in a NUL", func(t *testing.T) {
		want := map[string]string{"request|path": "/a?b", "request|path|": "/a?b", "request|headers|x-a|": "1"}
		asked(t, want, "GET", "/a?b", "", "X-A", "1").wantText(t, want)
	})
	s.check("A-02", 1, "a property that does not exist is NOT_FOUND", func(t *testing.T) {
		want := map[string]string{"nothing": "-", "request|nothing": "-", "request|path|more|and|more": "/", "nothing|at|all": "-", "upstream|address": "-"}
		delete(want, "request|path|more|and|more")
		asked(t, want, "GET", "/", "").wantText(t, want)
	})
	s.check("A-03", 1, "integers have 8 bytes, booleans 1, times are nanoseconds", func(t *testing.T) {
		before := time.Now()
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines(
			asks("request_headers", "connection|mtls", "request|time"), asks("response_headers", "response|code")))}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		g.wantText(t, map[string]string{"connection|mtls": "\x00"})
		g.wantNumbers(t, map[string]int64{"response|code": 200})
		if at := time.Unix(0, g.number(t, "request|time")); at.Before(before) || at.After(time.Now()) {
			t.Errorf("request.time is %s", at)
		}
	})
	s.check("A-18", 1, "an object without a member is SERIALIZATION_FAILURE (NOT_FOUND in ABI 0.1.0), the empty path NOT_FOUND", func(t *testing.T) {
		want := map[string]string{
			"request": "!", "response": "!", "source": "!", "destination": "!", "connection": "!", "upstream": "!",
			"metadata": "!", "metadata|filter_metadata": "!", "filter_state": "!", "xds": "!", `""`: "-",
		}
		names := slices.Sorted(maps.Keys(want))
		g := serve(t, setup{plugins: []plugin.Spec{probe(asks("request_headers", names...))}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		want[""] = want[`""`]
		delete(want, `""`)
		g.wantText(t, want)
		old := runs(t, rawSpec(t, "property010"))
		if !slices.Contains(old.log(), "object 1") || !slices.Contains(old.log(), "path 0") {
			t.Errorf("ABI 0.1.0: %q", old.log())
		}
	})
	s.check("A-19", 2, "one segment with dots is read as several when there is no such property", func(t *testing.T) {
		want := map[string]string{"request.path": "/a", "request.headers.x-a": "1", "request.nothing": "-", "no.thing": "-"}
		asked(t, want, "GET", "/a", "", "X-A", "1").wantText(t, want)
	})
}

func requestProperties(s *suite) {
	s.check("A-04", 1, "request.* is the request: its head, its id and its sizes", func(t *testing.T) {
		want := map[string]string{
			"request|path": "/a%20b/c?x=1&y", "request|url_path": "/a%20b/c", "request|query": "x=1&y", "request|scheme": "http",
			"request|method": "POST", "request|protocol": "HTTP/1.1", "request|referer": "http://r/", "request|useragent": "probe/1",
			"request|id": "id-7",
		}
		numbers := map[string]int64{"request|size": 5, "request|total_size": 0, "request|headers_bytes": 0}
		paths := slices.Concat(slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(numbers)), []string{"request|host"})
		g := serve(t, setup{plugins: []plugin.Spec{probe(asks("request_headers", paths...))}})
		g.do(t, "POST", "/a%20b/c?x=1&y", strings.NewReader("hello"), "Referer", "http://r/", "User-Agent", "probe/1", "X-Request-Id", "id-7")
		g.ended(t, 1)
		want["request|host"] = g.Listener.Addr().String()
		g.wantText(t, want)
		g.wantNumbers(t, map[string]int64{"request|size": 5})
		head := g.number(t, "request|headers_bytes")
		least := int64(len(":authority:path:method:scheme") + len(want["request|host"]) + len(want["request|path"]) + len("POSThttp"))
		if total := g.number(t, "request|total_size"); head <= least || total != head+5 {
			t.Errorf("headers_bytes %d, total_size %d", head, total)
		}
		t.Run("without a declared length", func(t *testing.T) {
			g := serve(t, setup{plugins: []plugin.Spec{probe(lines(asks("request_headers", "request|size"), asks("log", "request|size")))}})
			g.do(t, "POST", "/", unsized("hello ", "world"))
			g.ended(t, 1)
			list := answersOf(t, g.log(), "request|size")
			if len(list) != 2 || asNumber(t, "first", list[0]) != 0 || asNumber(t, "last", list[1]) != 11 {
				t.Errorf("request.size %v", list)
			}
		})
	})
	s.check("A-05", 1, "request.protocol is HTTP/1.1, HTTP/2 or HTTP/3", func(t *testing.T) {
		want := map[string]string{"h1": "HTTP/1.1", "h2": "HTTP/2", "h3": "HTTP/3", "h1 without TLS": "HTTP/1.1", "h2c": "HTTP/2"}
		for _, c := range overCaddy(t, "request_headers: prop request|protocol; set 0 x-a $val", echo) {
			if a := c.do(t, "GET", "/", nil); !strings.Contains(a.body, `x-a=["`+want[c.name]+`"]`) {
				t.Errorf("over %s: %q", c.name, a.body)
			}
		}
	})
	s.check("A-06", 1, "request.query has no question mark, and url_path no query", func(t *testing.T) {
		want := map[string]string{"request|query": "", "request|url_path": "/p", "request|path": "/p"}
		asked(t, want, "GET", "/p", "").wantText(t, want)
		want = map[string]string{"request|query": "a=?&b", "request|url_path": "/p", "request|path": "/p?a=?&b"}
		asked(t, want, "GET", "/p?a=?&b", "").wantText(t, want)
	})
	s.check("A-09", 1, "request.headers.NAME in any case, several values with a comma; a missing one is NOT_FOUND", func(t *testing.T) {
		want := map[string]string{
			"request|headers|x-a": "1,2", "request|headers|X-A": "1,2", "request|headers|x-empty": "", "request|headers|x-none": "-",
			"request|headers|:method": "GET",
		}
		asked(t, want, "GET", "/", "", "X-A", "1", "X-A", "2", "X-Empty", "").wantText(t, want)
	})
	s.check("A-10", 1, "request.headers is the whole map; an empty map is four zero bytes", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines(asks("request_headers", "request|headers"), asks("log", "response|trailers")))}})
		g.do(t, "GET", "/", nil, "X-A", "1", "X-A", "2")
		g.ended(t, 1)
		pairs, err := abi.DecodePairs(g.property(t, "request|headers").value)
		if err != nil || !slices.Contains(pairs, abi.Pair{Name: "x-a", Value: "2"}) || !slices.Contains(pairs, abi.Pair{Name: ":path", Value: "/"}) {
			t.Errorf("request.headers is %q, %v", pairs, err)
		}
		if empty := g.property(t, "response|trailers"); empty.status != "0" || string(empty.value) != "\x00\x00\x00\x00" {
			t.Errorf("the empty map is %q", empty)
		}
	})
	s.check("A-12", 1, "request.duration is known at the end and not before", func(t *testing.T) {
		g := serve(t, setup{plugins: []plugin.Spec{probe(lines(
			asks("request_headers", "request|duration"), asks("response_body", "request|duration"), asks("log", "request|duration")))}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		list := answersOf(t, g.log(), "request|duration")
		for _, early := range list[:len(list)-1] {
			if early.status != "1" {
				t.Errorf("before the end: status %s", early.status)
			}
		}
		if d := asNumber(t, "request.duration", list[len(list)-1]); len(list) < 3 || d <= 0 || d > int64(patience) {
			t.Errorf("%d answers, the last is %d", len(list), d)
		}
	})
	s.check("A-13", 1, "plugin_name, plugin_root_id and plugin_vm_id, in every context", func(t *testing.T) {
		script := lines(asks("vm_start", "plugin_name", "plugin_root_id", "plugin_vm_id"), asks("log", "plugin_name", "plugin_root_id", "plugin_vm_id"))
		g := serve(t, setup{plugins: []plugin.Spec{probe(script, func(s *plugin.Spec) { s.Name, s.RootID, s.VMID = "auth", "root", "vm" })}})
		g.do(t, "GET", "/", nil)
		g.ended(t, 1)
		for path, want := range map[string]string{"plugin_name": "auth", "plugin_root_id": "root", "plugin_vm_id": "vm"} {
			list := answersOf(t, g.log(), path)
			if len(list) != 2 || string(list[0].value) != want || string(list[1].value) != want {
				t.Errorf("%s: %q", path, list)
			}
		}
	})
}
