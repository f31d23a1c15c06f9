package ratelimit

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// maxToken is the longest token that is looked into, in bytes.
const maxToken = 8 << 10

// claim is a claim of the JSON web token in Authorization, as its JSON says it; empty without one. Nobody has checked the signature
// here. Only texts, numbers and true or false count: what a client can write in many ways would be many keys.
func claim(authorization []string, name string) string {
	if len(authorization) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > maxToken {
		return ""
	}
	_, rest, ok := strings.Cut(token, ".")
	payload, _, signed := strings.Cut(rest, ".")
	if !ok || !signed {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(text, &claims) != nil {
		return ""
	}
	return scalar(claims[name])
}

// scalar is the value of a text, and the words of a number or a truth value.
func scalar(value json.RawMessage) string {
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '{', '[', 'n':
		return ""
	case '"':
		var text string
		if json.Unmarshal(value, &text) != nil {
			return ""
		}
		return text
	}
	return string(value)
}
