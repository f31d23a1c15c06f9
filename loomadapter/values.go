package loomadapter

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"
)

// StringList is a list of texts; a single text stands for a list of one.
type StringList []string

// Duration is a time with a unit, such as 30s.
type Duration caddy.Duration

// Size is a number of bytes, such as 64MiB.
type Size int64

// section is a part of the document that may be written as true, false or a mapping. Its struct has the keys' Pos, and
// Enabled, which the short form sets. A section that is there is on unless enabled is false.
type section interface{ section() }

func parseDuration(text string) (Duration, error) {
	d, err := caddy.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration: write a number with a unit, such as 500ms, 30s, 5m or 1h", text)
	case d < 0:
		return 0, fmt.Errorf("%q is below zero: write a duration such as 30s", text)
	case d > 365*24*time.Hour:
		return 0, fmt.Errorf("%q is longer than a year", text)
	}
	return Duration(d), nil
}

func parseSize(text string) (Size, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<40 {
		return 0, fmt.Errorf("%q is not a size: write a number of bytes with a unit, such as 64MiB", text)
	}
	return Size(n), nil
}

// parseSwitch reads YAML's words for yes and no.
func parseSwitch(word string) (bool, error) {
	switch word {
	case "true", "on", "yes":
		return true, nil
	case "false", "off", "no":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither on nor off", word)
}
