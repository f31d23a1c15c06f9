package conformance

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/filterstate"
	"github.com/loom-gateway/loom/internal/httpfilter"
)

func properties(s *suite) {
	propertyForms(s)
	requestProperties(s)
	responseProperties(s)
	connectionProperties(s)
	routeProperties(s)
	setProperties(s)
	otherHostsProperties(s)
}

type stateKey struct{}

// sharing gives a request what its plugins share, as the gateway's handler does.
func sharing(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), stateKey{}, &filterstate.State{}))
}

func aboutRequest(r *http.Request) httpfilter.About {
	state, _ := r.Context().Value(stateKey{}).(*filterstate.State)
	return httpfilter.About{State: state}
}

// asks is a line of a script that asks for properties, written with | between the segments.
func asks(label string, paths ...string) string {
	return label + ": prop " + strings.Join(paths, "; prop ")
}

// answered is what the guest got for a property.
type answered struct {
	status string
	value  []byte
}

// answersOf lists what the guests got for a property, in order.
func answersOf(t *testing.T, lines []string, path string) (list []answered) {
	t.Helper()
	for _, line := range lines {
		rest, ok := strings.CutPrefix(line, "  prop "+path+" -> ")
		if !ok {
			continue
		}
		status, quoted, _ := strings.Cut(rest, " ")
		value, err := strconv.Unquote(strings.TrimSuffix(quoted, "+"))
		if err != nil {
			t.Fatalf("the line %q has no value: %v", line, err)
		}
		list = append(list, answered{status, []byte(value)})
	}
	return list
}

// property is what the guest got for a property that it has asked for once.
func (g *gateway) property(t *testing.T, path string) answered {
	t.Helper()
	list := answersOf(t, g.log(), path)
	if len(list) != 1 {
		t.Errorf("property %s was answered %d times", path, len(list))
		return answered{}
	}
	return list[0]
}

// wantText compares properties with texts; "-" stands for NOT_FOUND and "!" for SERIALIZATION_FAILURE.
func (g *gateway) wantText(t *testing.T, want map[string]string) {
	t.Helper()
	for path, text := range want {
		got := g.property(t, path)
		switch text {
		case "-":
			if got.status != "1" {
				t.Errorf("%s: status %s, %q; want NOT_FOUND", path, got.status, got.value)
			}
		case "!":
			if got.status != "3" {
				t.Errorf("%s: status %s, %q; want SERIALIZATION_FAILURE", path, got.status, got.value)
			}
		default:
			if got.status != "0" || string(got.value) != text {
				t.Errorf("%s: status %s, %q; want %q", path, got.status, got.value, text)
			}
		}
	}
}

// number is an integer, a timestamp or a duration.
func (g *gateway) number(t *testing.T, path string) int64 {
	t.Helper()
	return asNumber(t, path, g.property(t, path))
}

func asNumber(t *testing.T, path string, got answered) int64 {
	t.Helper()
	if got.status != "0" || len(got.value) != 8 {
		t.Errorf("%s: status %s, %d bytes %q; want 8", path, got.status, len(got.value), got.value)
		return 0
	}
	return int64(binary.LittleEndian.Uint64(got.value))
}

// wantNumbers compares properties with integers.
func (g *gateway) wantNumbers(t *testing.T, want map[string]int64) {
	t.Helper()
	for path, n := range want {
		if got := g.number(t, path); got != n {
			t.Errorf("%s is %d, want %d", path, got, n)
		}
	}
}

// unsized is a body without a declared length.
func unsized(parts ...string) io.Reader {
	readers := make([]io.Reader, len(parts))
	for i, part := range parts {
		readers[i] = strings.NewReader(part)
	}
	return io.MultiReader(readers...)
}
