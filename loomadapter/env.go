package loomadapter

import (
	"fmt"
	"strings"
)

// substitute fills in `${NAME}` and `${NAME:-default}`; `$${` stands for a literal `${`. Everything else, Caddy's
// {placeholders} too, stays as it is.
func substitute(text string, getenv func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			b.WriteString(text)
			return b.String(), nil
		}
		if strings.HasSuffix(before, "$") {
			b.WriteString(before + "{")
			text = after
			continue
		}
		b.WriteString(before)
		reference, rest, closed := strings.Cut(after, "}")
		if !closed {
			return text, fmt.Errorf("${ is not closed: write ${NAME}, or $${ for the characters themselves")
		}
		value, err := variable(reference, getenv)
		if err != nil {
			return text, err
		}
		b.WriteString(value)
		text = rest
	}
}

func variable(reference string, getenv func(string) (string, bool)) (string, error) {
	name, fallback, hasFallback := strings.Cut(reference, ":-")
	if name == "" || strings.ContainsAny(name, " ${:") {
		return "", fmt.Errorf("${%s} does not name a variable: write ${NAME} or ${NAME:-default}", reference)
	}
	if value, ok := getenv(name); ok && (value != "" || !hasFallback) {
		return value, nil
	}
	if !hasFallback {
		return "", fmt.Errorf("the environment variable %s is not set: set it, or write ${%s:-default}", name, name)
	}
	return fallback, nil
}
