package proxy

import (
	"testing"
	"time"
)

func TestGRPCTimeout(t *testing.T) {
	t.Parallel()
	const bad = -1
	for header, want := range map[string]time.Duration{
		"1S": time.Second, "100m": 100 * time.Millisecond, "7u": 7 * time.Microsecond, "99999999n": 99999999,
		"2M": 2 * time.Minute, "3H": 3 * time.Hour, "99999999H": 10 * 365 * 24 * time.Hour, "0n": 0,
		"": bad, "S": bad, "1": bad, "1s": bad, "-1S": bad, "1.5S": bad, "123456789S": bad, "1 S": bad, "+1S": bad,
	} {
		got, ok := grpcTimeout(header)
		if !ok {
			got = bad
		}
		if got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
