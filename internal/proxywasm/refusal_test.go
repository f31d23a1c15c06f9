package proxywasm

import (
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// recorded lists the refusals that were reported.
func (r *recorder) recorded() []Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Refusal(nil), r.refused...)
}

// A failed hostcall is reported once in a while, not for ever silent and not per call.
func TestRefusalsAreReportedNowAndThen(t *testing.T) {
	now := time.Now()
	f := probe(t, `request_headers: get 9 x-a; get 9 x-a; get 9 x-b; get 0 x-missing; getdata nothing`, func(_ *Options, h *Host) {
		h.Now = func() time.Time { return now }
	})
	s := f.stream(t, newExchange())
	s.RequestHeaders(0, true)
	want := Refusal{
		Hostcall: "proxy_get_header_map_value", Section: "HTTP fields", Context: s.id, Callback: "proxy_on_request_headers",
		Status: abi.StatusBadArgument, Reason: "there is no such map",
	}
	if got := f.recorded(); len(got) != 1 || got[0] != want {
		t.Fatalf("reported %+v, want one: %+v", got, want)
	}
	now = now.Add(refusalInterval)
	s.RequestHeaders(0, true)
	want.Unreported = 2
	if got := f.recorded(); len(got) != 2 || got[1] != want {
		t.Errorf("reported %+v after the interval, want %+v", got, want)
	}
}

// The report has the true reason, also where the guest gets another status because it would not survive the true one.
func TestRefusalsSayWhy(t *testing.T) {
	f := probe(t, `request_headers: set 2 x-a y; badlog 4294967295 16`)
	f.stream(t, newExchange()).RequestHeaders(0, true)
	want := map[string]abi.Status{
		"proxy_replace_header_map_value": abi.StatusOK, // dropped
		"proxy_log":                      abi.StatusInvalidMemoryAccess,
	}
	for _, r := range f.recorded() {
		if status, ok := want[r.Hostcall]; ok && status == r.Status && r.Reason != "" {
			delete(want, r.Hostcall)
		}
	}
	if len(want) > 0 {
		t.Errorf("not reported: %v; reported: %+v", want, f.recorded())
	}
}

func TestEveryHostcallHasASection(t *testing.T) {
	for _, h := range hostcalls() {
		if abi.Section(h.name) == "" {
			t.Errorf("no section of the ABI has %s", h.name)
		}
	}
	if s := abi.Section("fd_write"); s != "" {
		t.Errorf("fd_write stands in section %q", s)
	}
}
