package http1test

import (
	"net/http"
	"testing"
	"time"
)

// scripts are exchanges that are more than an answer.
func scripts() map[string]func(*testing.T, Engine) {
	return map[string]func(*testing.T, Engine){
		"hints come before the response":            hintsPass,
		"a body waits for 100 Continue":             continueAsked,
		"a body that is refused is not sent":        continueRefused,
		"a response before the body":                earlyResponse,
		"both ways at once":                         bothWays,
		"a body of known length arrives":            knownLength,
		"a body of unknown length and its trailers": unknownLength,
		"giving up is heard at the backend":         givingUp,
		"giving up in a response":                   givingUpLater,
		"a reset before the response":               resetBefore,
		"a reset in the response":                   resetWithin,
		"a body that breaks off":                    brokenRequest,
		"a closed idle connection, GET":             func(t *testing.T, e Engine) { idleClosed(t, e, http.MethodGet, nil) },
		"a closed idle connection, POST":            func(t *testing.T, e Engine) { idleClosed(t, e, http.MethodPost, nil) },
		"unsolicited bytes on an idle connection":   unsolicited,
		"a GET is sent again":                       func(t *testing.T, e Engine) { lostWhileSent(t, e, http.MethodGet, "200 next", 2) },
		"a POST is not sent again":                  func(t *testing.T, e Engine) { lostWhileSent(t, e, http.MethodPost, "refused", 1) },
		"an upgrade":                                upgrade,
		"an upgrade with one direction closed":      halfClosed,
	}
}

// await fails the test when nothing comes.
func await[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened in %s", what, patience)
	}
	return v
}
