package conformance

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

func headerMaps(s *suite) {
	readingHeaders(s)
	writingHeaders(s)
	pseudoHeaders(s)
	headersOnTheWire(s)
	serializedMaps(s)
	headersByPhase(s)
}

func readingHeaders(s *suite) {
	s.check("H-01", 1, "the request's pairs are its pseudo headers and all headers, names in lower case", func(t *testing.T) {
		g := one(t, "request_headers: pairs 0")
		g.get(t, "/p?q=1", "X-Mixed-CASE", "V", "User-Agent", "u", "Accept-Encoding", "identity")
		g.want(t, `  pairs 0 -> 0 7 :authority="`+g.Listener.Addr().String()+`" :path="/p?q=1" :method="GET" :scheme="http"`+
			` accept-encoding="identity" user-agent="u" x-mixed-case="V"`)
	})
	s.check("H-02", 1, "the callback's count of headers is the number of pairs", testHeaderCount)
	s.check("H-05", 1, "a header is found in any case", func(t *testing.T) {
		g := one(t, "request_headers: get 0 X-FOO; get 0 x-foo")
		g.get(t, "/", "x-Foo", "bar")
		g.want(t, `  get 0 X-FOO -> 0 "bar"`, `  get 0 x-foo -> 0 "bar"`)
	})
	s.check("H-06", 1, "a missing header is NOT_FOUND; OK and a null pointer in ABI 0.1.0, in every phase", testMissingHeader)
	s.check("H-07", 1, "an empty header is OK with size 0", func(t *testing.T) {
		g := one(t, "request_headers: get 0 x-e; pairs 0")
		g.get(t, "/", "X-E", "")
		g.want(t, `  get 0 x-e -> 0 ""`)
		if all := g.find("  pairs 0"); len(all) != 1 || !strings.Contains(all[0], `x-e=""`) {
			t.Errorf("the pairs are %q", all)
		}
	})
	s.check("H-08", 1, "the value of a header with several is the first", func(t *testing.T) {
		g := one(t, "request_headers: get 0 x-a")
		g.get(t, "/", "X-A", "1", "X-A", "2")
		g.want(t, `  get 0 x-a -> 0 "1"`)
	})
	s.check("H-09", 1, "the pairs list several values one by one, in their order", func(t *testing.T) {
		g := one(t, "request_headers: pairs 0")
		g.get(t, "/", "X-A", "2", "X-A", "1", "X-A", "3")
		if all := g.find("  pairs 0"); len(all) != 1 || !strings.Contains(all[0], `x-a="2" x-a="1" x-a="3"`) {
			t.Errorf("the pairs are %q", all)
		}
	})
	s.check("H-38", 3, "the order of the pairs is the same in every reading and in every run", testPairsAreStable)
}

func testHeaderCount(t *testing.T) {
	g := one(t, "request_headers: pairs 0", "response_headers: pairs 2")
	g.get(t, "/", "X-A", "1", "X-A", "2")
	for callback, command := range map[string]string{"> request_headers": "  pairs 0 -> 0 ", "> response_headers": "  pairs 2 -> 0 "} {
		called, listed := g.find(callback), g.find(command)
		if len(called) != 1 || len(listed) != 1 {
			t.Fatalf("%q %q", called, listed)
		}
		count, _, _ := strings.Cut(strings.TrimPrefix(listed[0], command), " ")
		if told := strings.Fields(called[0])[3]; told != count || strings.Count(listed[0], "=\"") != atoi(t, count) {
			t.Errorf("%s was told %s headers, the pairs are %s", callback, told, listed[0])
		}
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func testMissingHeader(t *testing.T) {
	phases := []string{"request_headers", "request_body", "response_headers", "response_body", "log"}
	var script []string
	for _, phase := range phases {
		script = append(script, phase+": get 0 x-missing; get 2 x-missing; get 3 x-missing")
	}
	g := one(t, script...)
	if a := g.do(t, http.MethodPost, "/", strings.NewReader("body")); a.status != http.StatusOK {
		t.Fatalf("%+v", a)
	}
	g.ended(t, 1)
	if missing := g.find(`  get`); len(missing) != 3*len(g.find(`  get 0`)) || len(missing) < 3*len(phases) {
		t.Errorf("%d calls: %q", len(missing), missing)
	}
	for _, line := range g.find("  get") {
		if !strings.HasSuffix(line, ` -> 1 ""`) {
			t.Errorf("%s", line)
		}
	}
	old := serve(t, setup{plugins: raws(t, "headers010")})
	old.get(t, "/")
	old.ended(t, 1)
	for _, phase := range []string{"0:00", "1:00", "2:00", "3:00", "6:00"} {
		if n := count(old.messages(), phase); n != 3 {
			t.Errorf("ABI 0.1.0: %q was logged %d times, want it in each of 3 phases: %q", phase, n, old.messages())
		}
	}
}

func count(list []string, want string) int {
	n := 0
	for _, s := range list {
		if s == want {
			n++
		}
	}
	return n
}

func testPairsAreStable(t *testing.T) {
	var runs []string
	for range 3 {
		g := one(t, "request_headers: pairs 0; pairs 0")
		g.get(t, "/", "Host", "h", "X-C", "1", "X-A", "2", "X-B", "3", "X-A", "0", "X-Z", "4", "X-Y", "5")
		for _, line := range g.find("  pairs 0") {
			_, rest, _ := strings.Cut(line, ":path=") // the address differs
			runs = append(runs, rest)
		}
	}
	if len(runs) != 6 || count(runs, runs[0]) != 6 {
		t.Errorf("%q", runs)
	}
}
