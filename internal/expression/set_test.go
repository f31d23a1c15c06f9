package expression

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

func attributes() map[string][]byte {
	return map[string][]byte{
		"request\x00path":              []byte("/admin?x=1"),
		"request\x00headers":           abi.AppendPairs(nil, []abi.Pair{{Name: "x-a", Value: "1"}, {Name: "x-b", Value: "2"}}),
		"request\x00headers\x00x-a":    []byte("1"),
		"request\x00size":              abi.AppendInt64(nil, 42),
		"request\x00time":              abi.AppendInt64(nil, 1_700_000_000_000_000_000),
		"connection\x00mtls":           abi.AppendBool(nil, true),
		"node\x00metadata\x00WORKLOAD": []byte("cart"),
		"filter_state\x00wasm.user":    []byte("bob"),
		"plugin_name":                  []byte("auth"),
	}
}

func find(path string) ([]byte, bool) {
	value, ok := attributes()[path]
	return value, ok
}

func TestEvaluate(t *testing.T) {
	var c Compiler
	var s Set
	for text, want := range map[string][]byte{
		`request.path.startsWith("/admin") && request.headers["x-a"] == "1"`: {1},
		`request.path`:                              []byte("/admin?x=1"),
		`request.size * 2`:                          abi.AppendInt64(nil, 84),
		`double(request.size) / 4.0`:                abi.AppendDouble(nil, 10.5),
		`"x-a" in request.headers`:                  {1},
		`"x-c" in request.headers`:                  {0},
		`has(request.headers.nothing)`:              {0},
		`size(request.headers)`:                     abi.AppendInt64(nil, 2),
		`request.headers`:                           attributes()["request\x00headers"],
		`connection.mtls`:                           {1},
		`request.time.getFullYear() == 2023`:        {1},
		`request.time`:                              abi.AppendInt64(nil, 1_700_000_000_000_000_000),
		`node.metadata.WORKLOAD + plugin_name`:      []byte("cartauth"),
		`filter_state["wasm.user"]`:                 []byte("bob"),
		`["a", "b"]`:                                abi.AppendPairs(nil, []abi.Pair{{Name: "a"}, {Name: "b"}}),
		`has(response.code) ? "answered" : "early"`: []byte("early"),
		`b"\x00\xff"`:                               {0, 0xff},
	} {
		token, err := s.Create(&c, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := s.Evaluate(token, find)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s = %q, %v; want %q", text, got, err, want)
		}
		s.Delete(token)
		if _, err := s.Evaluate(token, find); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s after its end: %v", text, err)
		}
	}
}

// Whatever a plugin writes ends in an error that it can be told, in bounded time and memory.
func TestRefusedExpressions(t *testing.T) {
	var c Compiler
	var s Set
	for _, text := range []string{"", "request.", "nobody.path", strings.Repeat("1+", maxLength) + "1", strings.Repeat("(", 100) + "1" + strings.Repeat(")", 100)} {
		if token, err := s.Create(&c, text); err == nil {
			t.Errorf("%.20q is taken as %d", text, token)
		}
	}
	list := "[" + strings.Repeat("1,", 99) + "1]"
	for text, want := range map[string]error{
		`response.code`: nil, `null`: ErrMissing, `request`: ErrNoWireForm, `type(1)`: ErrNoWireForm, `[1]`: ErrNoWireForm, `request[1]`: nil,
		list + ".all(a, " + list + ".all(b, " + list + ".all(c, a + b + c > 0)))": nil,
	} {
		token, err := s.Create(&c, text)
		if err != nil {
			t.Fatal(err)
		}
		if value, err := s.Evaluate(token, find); err == nil || (want != nil && !errors.Is(err, want)) {
			t.Errorf("%.40s = %q, %v", text, value, err)
		}
	}
	for range maxExpressions {
		if _, err := s.Create(&c, "1"); errors.Is(err, ErrTooMany) {
			return
		}
	}
	t.Error("there is no bound on the number of expressions")
}
