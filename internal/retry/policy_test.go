package retry_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/retry"
)

func policy(t *testing.T, s retry.Settings) *retry.Policy {
	t.Helper()
	p, err := retry.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestResponsesWorthAnotherTry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		on     []string
		status int
		code   string
		want   retry.Reason
	}{
		"200":                          {nil, 200, "", retry.None},
		"500 by default":               {nil, 500, "", retry.None},
		"503 by default":               {nil, 503, "", retry.Status},
		"a class":                      {[]string{"5xx"}, 500, "", retry.Status},
		"of several":                   {[]string{"429", "502-504"}, 429, "", retry.Status},
		"only a connection":            {[]string{"connect-failure"}, 503, "", retry.None},
		"gRPC code":                    {[]string{"unavailable"}, 200, "14", retry.Code},
		"gRPC code by default":         {nil, 200, "14", retry.None},
		"another code":                 {[]string{"cancelled", "internal"}, 200, "14", retry.None},
		"OK of gRPC":                   {[]string{"cancelled", "deadline-exceeded", "resource-exhausted", "internal", "unavailable"}, 200, "0", retry.None},
		"gRPC without a code at first": {[]string{"unavailable"}, 200, "", retry.None},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := &http.Response{StatusCode: test.status, Header: http.Header{}}
			if test.code != "" {
				res.Header.Set("Grpc-Status", test.code)
			}
			if got := policy(t, retry.Settings{On: test.on}).OnResponse(res); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestWhatMayBeRepeated(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		methods []string
		method  string
		key     string
		why     retry.Reason
		want    bool
	}{
		"GET after a reset":              {nil, "GET", "", retry.Reset, true},
		"no method is GET":               {nil, "", "", retry.Reset, true},
		"DELETE after a status":          {nil, "DELETE", "", retry.Status, true},
		"POST after a reset":             {nil, "POST", "", retry.Reset, false},
		"POST after a timeout":           {nil, "POST", "", retry.Timeout, false},
		"POST after a status":            {nil, "POST", "", retry.Status, false},
		"PATCH after a status":           {nil, "PATCH", "", retry.Status, false},
		"POST without a connection":      {nil, "POST", "", retry.ConnectFailure, true},
		"POST that was allowed":          {[]string{"POST"}, "POST", "", retry.Reset, true},
		"GET when only POST is":          {[]string{"POST"}, "GET", "", retry.Reset, false},
		"POST with a key":                {nil, "POST", "Idempotency-Key", retry.Reset, true},
		"POST with the other key":        {nil, "POST", "X-Idempotency-Key", retry.Reset, true},
		"a call of gRPC after its code":  {nil, "POST", "", retry.Code, true},
		"nothing has failed":             {nil, "GET", "", retry.None, false},
		"an unknown method after status": {nil, "PURGE", "", retry.Status, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := &http.Request{Method: test.method, Header: http.Header{}}
			if test.key != "" {
				req.Header.Set(test.key, "1")
			}
			if got := policy(t, retry.Settings{Methods: test.methods}).May(test.why, req); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings retry.Settings
		want     string
	}{
		"attempts":       {retry.Settings{Attempts: -1}, "attempts: write a number from 1 to 20, or switch retries off"},
		"many attempts":  {retry.Settings{Attempts: 21}, "attempts: write a number from 1 to 20"},
		"timeout":        {retry.Settings{PerTryTimeout: -1}, "per_try_timeout: must not be negative"},
		"body":           {retry.Settings{BodyLimit: 1 << 30}, "body_limit: write a size up to 64MiB"},
		"backoff":        {retry.Settings{Backoff: retry.Backoff{Base: 2, Max: 1}}, "backoff: base must not be negative, nor longer than max"},
		"method":         {retry.Settings{Methods: []string{"post"}}, `methods: "post" is not a method: write it in upper case, such as POST`},
		"misspelt":       {retry.Settings{On: []string{"conect_failure"}}, `on: "conect_failure": did you mean "connect-failure"?`},
		"unknown":        {retry.Settings{On: []string{"whenever-it-rains"}}, `on: "whenever-it-rains": write a status such as 503, 502-504 or 5xx, or one of cancelled, connect-failure,`},
		"status":         {retry.Settings{On: []string{"999"}}, `on: "999": write a status such as 503`},
		"two of them":    {retry.Settings{Attempts: -1, PerTryTimeout: -1}, "per_try_timeout"},
		"not our status": {retry.Settings{On: []string{"5xxx"}}, `on: "5xxx"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := retry.New(test.settings); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	b := policy(t, retry.Settings{}).Backoff
	for i, want := range []time.Duration{25, 50, 100, 200, 250, 250} {
		if got := b.Bound(i); got != want*time.Millisecond {
			t.Errorf("bound %d: %s", i, got)
		}
	}
	if got := b.Bound(1000); got != b.Max {
		t.Errorf("a bound far away: %s", got)
	}
	low, high := b.Max, time.Duration(0)
	for range 1000 {
		d := b.Delay(10)
		if d < 0 || d >= b.Max {
			t.Fatalf("delay %s", d)
		}
		low, high = min(low, d), max(high, d)
	}
	if low > b.Max/10 || high < b.Max*9/10 {
		t.Errorf("a thousand delays lie from %s to %s", low, high)
	}
	if got := policy(t, retry.Settings{Backoff: retry.Backoff{Max: time.Millisecond}}).Backoff; got.Base != time.Millisecond {
		t.Errorf("with a short maximum alone: %+v", got)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "3": 3 * time.Second, "soon": 0, "-1": 0, "99999999999": 0,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		h := http.Header{}
		if text != "" {
			h.Set("Retry-After", text)
		}
		if got := retry.After(h, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
