package ratelimit

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	token := func(claims string) string { return "x." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".y" }
	for _, tc := range []struct{ authorization, want string }{
		{"Bearer " + token(`{"sub":"u"}`), "u"},
		{"bearer   " + token(`{"sub":"u"}`), "u"},
		{"Bearer " + token(`{"sub":12}`), "12"},
		{"Bearer " + token(`{"sub":true}`), "true"},
		{"Bearer " + token(`{"sub":{"a":1}}`), ""},
		{"Bearer " + token(`{"sub":[1]}`), ""},
		{"Bearer " + token(`{"sub":null}`), ""},
		{"Bearer " + token(`{"SUB":"u"}`), ""},
		{"Bearer " + token(`[]`), ""},
		{"Bearer " + token(``), ""},
		{"Bearer x." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"u"}`)), ""},
		{"Bearer " + token(`{"sub":"`+strings.Repeat("x", maxToken)+`"}`), ""},
		{token(`{"sub":"u"}`), ""},
		{"Basic " + token(`{"sub":"u"}`), ""},
		{"", ""},
	} {
		if got := claim([]string{tc.authorization}, "sub"); got != tc.want {
			t.Errorf("%.80s has %q, want %q", tc.authorization, got, tc.want)
		}
	}
	if got := claim([]string{"Bearer " + token(`{"sub":"u"}`), "Bearer " + token(`{"sub":"v"}`)}, "sub"); got != "" {
		t.Errorf("two tokens have %q", got)
	}
}

// Whatever a client sends, what is found is what encoding/json finds in a token that is well-formed.
func FuzzClaim(f *testing.F) {
	for _, claims := range []string{`{"sub":"u"}`, `{"sub":1e9,"sub":"x"}`, `{"sub":"\ud800"}`, `{`, `[[[[`} {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		got := claim([]string{"Bearer x." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".y"}, "sub")
		var all map[string]any
		if err := json.Unmarshal([]byte(claims), &all); err != nil && got != "" {
			t.Errorf("%q was found in what is no JSON object: %v", got, err)
		}
		if text, ok := all["sub"].(string); ok && len(claims) < maxToken/2 && got != text {
			t.Errorf("%q, want %q", got, text)
		}
		claim([]string{claims}, "sub")
	})
}
