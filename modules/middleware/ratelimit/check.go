package ratelimit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/nearest"
	"github.com/loom-gateway/loom/internal/ratelimit"
)

// What may become of requests that cannot be counted.
const (
	local = "local"
	allow = "allow"
	deny  = "deny"
)

// Check reports what is wrong with the settings, all of it.
func (h *Handler) Check() error {
	_, wrongLimit := h.rules()
	_, wrongKey := parseKey(h.Key)
	problems := []error{
		wrongLimit, wrongKey,
		oneOf("headers", h.Headers, styleTrio, styleDraft, styleOff),
		oneOf("on_missing_key", h.OnMissingKey, fromClientIP, allow, deny),
		oneOf("on_store_error", h.OnStoreError, local, allow, deny),
	}
	if h.IPv6Prefix < 0 || h.IPv6Prefix > 128 {
		problems = append(problems, fmt.Errorf("ipv6_prefix %d: write a number of bits from 1 to 128", h.IPv6Prefix))
	}
	if h.MaxKeys != 0 && h.MaxKeys < ratelimit.MinMaxKeys {
		problems = append(problems, fmt.Errorf("max_keys %d: write %d or more", h.MaxKeys, ratelimit.MinMaxKeys))
	}
	return errors.Join(problems...)
}

func (h *Handler) rules() (*ratelimit.Rules, error) {
	limits := make([]ratelimit.Limit, len(h.Limits))
	for i, l := range h.Limits {
		limits[i] = ratelimit.Limit{Rate: l.Rate, Per: time.Duration(cmp.Or(l.Per, caddy.Duration(time.Second))), Burst: l.Burst}
	}
	return ratelimit.NewRules(limits)
}

// oneOf checks an option that is one of a few words, or left out.
func oneOf(option, word string, words ...string) error {
	if word == "" || slices.Contains(words, word) {
		return nil
	}
	if meant := nearest.Word(word, words); meant != "" {
		return fmt.Errorf("%s %q: did you mean %q?", option, word, meant)
	}
	return fmt.Errorf("%s %q: write one of %s", option, word, strings.Join(words, ", "))
}

// CountsClaims reports whether the key has a claim, which anybody can make up unless somebody has checked the token.
func (h *Handler) CountsClaims() bool {
	parts, _ := parseKey(h.Key)
	return slices.ContainsFunc(parts, func(p keyPart) bool { return p.from == fromClaim })
}
