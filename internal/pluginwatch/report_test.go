package pluginwatch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// pairs is a header map of a few pairs, which takes all but the name `refused`.
type pairs struct{ list []abi.Pair }

func (m *pairs) Len() int                              { return len(m.list) }
func (m *pairs) AppendPairs(dst []abi.Pair) []abi.Pair { return append(dst, m.list...) }
func (m *pairs) Add(name, value []byte) string         { return m.put(name, value) }
func (m *pairs) Set(name, value []byte) string         { return m.put(name, value) }
func (m *pairs) Remove([]byte) string                  { return "" }

func (m *pairs) Get(name []byte) (string, bool) {
	for _, p := range m.list {
		if p.Name == string(name) {
			return p.Value, true
		}
	}
	return "", false
}

func (m *pairs) Replace(list []abi.Pair) string {
	m.list = list
	return ""
}

func (m *pairs) put(name, value []byte) string {
	if string(name) == "refused" {
		return "it was left out"
	}
	m.list = append(m.list, abi.Pair{Name: string(name), Value: string(value)})
	return ""
}

// ran is a phase that a test has run.
func ran(r *Record) { r.Ran(phaseNamed("on_request_headers"), time.Microsecond, 1, nil) }

func phaseNamed(name string) proxywasm.Phase {
	p := proxywasm.Phase(0)
	for p.String() != name {
		p++
	}
	return p
}

func begun(plugin string) (*Report, *Record) {
	report := &Report{}
	return report, New(context.Background(), report).Begin(plugin, false)
}

// What a map did not take is no change, and replacing a whole map is what differs afterwards.
func TestChanges(t *testing.T) {
	report, record := begun("changes")
	m := record.Recorded(abi.MapHTTPRequestHeaders, &pairs{[]abi.Pair{{Name: "a", Value: "1"}, {Name: "b", Value: "1"}, {Name: "c", Value: "1"}}})
	m.Add([]byte("refused"), nil)
	m.Remove([]byte("absent"))
	m.Replace([]abi.Pair{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "d", Value: "1"}})
	record.Recorded(abi.MapHTTPResponseHeaders, &pairs{}).Add([]byte("X-Late"), nil)
	ran(record)
	want := `"changes";phase=on_request_headers;us=1.0;hostcalls=1;added="d response_headers/x-late";replaced="b";removed="c"`
	if got := strings.Join(report.fresh(), "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// However much plugins do, a head stays in bounds, and says what it leaves out.
func TestReportIsBounded(t *testing.T) {
	report := &Report{}
	for i := range 200 {
		record := New(context.Background(), report).Begin(fmt.Sprint("plugin ", i), false)
		m := record.Recorded(abi.MapHTTPRequestHeaders, &pairs{})
		for k := range 10 * maxChanges {
			m.Add(fmt.Appendf(nil, "x-%d", k), nil)
		}
		ran(record)
	}
	lines := report.fresh()
	if size := len(strings.Join(lines, "")); size > maxReport {
		t.Errorf("the lines have %d bytes", size)
	}
	if last := lines[len(lines)-1]; last != fmt.Sprintf("omitted;lines=%d", 200-(len(lines)-1)) {
		t.Errorf("the last of %d lines is %s", len(lines), last)
	}
}

// A name cannot leave its quotes, nor the line.
func TestQuoted(t *testing.T) {
	if got, want := quoted("a\"b\\c\r\nX: é"), `"a\"b\\c%0D%0AX: %C3%A9"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A plugin that no instance served is told of, and one whose instance another request has failed.
func TestFailuresWithoutAPhase(t *testing.T) {
	for name, fail := range map[string]func(*Record){
		"unavailable": func(r *Record) { r.Unavailable(io.EOF) },
		"elsewhere":   func(r *Record) { r.Settled(abi.OnRequestBody, proxywasm.Verdict{Err: io.EOF}) },
	} {
		report, record := begun(name)
		fail(record)
		if got, want := strings.Join(report.fresh(), "\n"), `"`+name+`";verdict=fail`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Trailers are announced where a message can have some: over HTTP/2 and in chunked bodies.
func TestTrailersOfAReport(t *testing.T) {
	for name, test := range map[string]struct {
		te     string
		http2  bool
		length string
		status int
		want   bool
	}{
		"chunked":           {te: "trailers", status: 200, want: true},
		"a length":          {te: "trailers", length: "4", status: 200},
		"a length, HTTP/2":  {te: "trailers", length: "4", status: 200, http2: true, want: true},
		"not asked":         {te: "gzip", status: 200},
		"no body":           {te: "trailers", status: 304, http2: true},
		"one of the list":   {te: "gzip, trailers", status: 404, want: true},
		"switches protocol": {te: "trailers", status: 101},
	} {
		report, record := begun("plugin")
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r.Header.Set("Te", test.te)
		if test.http2 {
			r.ProtoMajor, r.ProtoMinor = 2, 0
		}
		_ = report.Serve(w, r, func(w http.ResponseWriter) error {
			if test.length != "" {
				w.Header().Set("Content-Length", test.length)
			}
			w.WriteHeader(test.status)
			ran(record)
			return nil
		})
		if got := w.Header().Get("Trailer") == ReportHeader; got != test.want || (w.Header().Get(ReportHeader) != "") != test.want {
			t.Errorf("%s: announced is %v, %q", name, got, w.Header())
		}
	}
}

// The request and the response move independently, and a report may be read meanwhile.
func TestRecordsAreReadWhileTheyAreWritten(t *testing.T) {
	report, record := begun("busy")
	m := record.Recorded(abi.MapHTTPRequestHeaders, &pairs{})
	var done sync.WaitGroup
	done.Go(func() {
		for range 1000 {
			m.Remove([]byte("a"))
			record.changed(abi.MapHTTPRequestHeaders, added, "a")
			ran(record)
			record.Settled(abi.OnRequestHeaders, proxywasm.Verdict{})
		}
	})
	for range 100 {
		report.fresh()
		record.End()
	}
	done.Wait()
	if lines := report.fresh(); len(lines) > 1 {
		t.Errorf("%q", lines)
	}
	if record.phases[0].runs != 1000 {
		t.Errorf("%d runs", record.phases[0].runs)
	}
}
