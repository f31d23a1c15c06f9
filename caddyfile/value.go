package caddyfile

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// text reads one value.
func text(into *string) reader {
	return func(d *caddyfile.Dispenser) (err error) {
		*into, err = oneValue(d)
		return err
	}
}

// number reads one whole number.
func number(into *int) reader {
	return parsed(into, strconv.Atoi, "a whole number, such as 5")
}

// size reads a number of bytes, with or without a unit.
func size(into *int64) reader {
	return parsed(into, func(value string) (int64, error) {
		bytes, err := humanize.ParseBytes(value)
		return int64(bytes), err
	}, "a size, such as 64MiB")
}

// intSize is size for what fits the memory.
func intSize(into *int) reader {
	return func(d *caddyfile.Dispenser) error {
		var bytes int64
		err := size(&bytes)(d)
		*into = int(bytes)
		return err
	}
}

// duration reads a length of time; days (`d`) are allowed.
func duration(into *caddy.Duration) reader {
	return parsed(into, func(value string) (caddy.Duration, error) {
		parsed, err := caddy.ParseDuration(value)
		return caddy.Duration(parsed), err
	}, "a duration, such as 30s")
}

// onOff reads a switch: the word alone turns it on.
func onOff(into *bool) reader {
	return func(d *caddyfile.Dispenser) error {
		if d.CountRemainingArgs() == 0 {
			*into = true
			return noBlock(d, d.Val())
		}
		return parsed(into, strconv.ParseBool, "true or false")(d)
	}
}

// list reads one or more values and adds them to those that are there.
func list(into *[]string) reader {
	return func(d *caddyfile.Dispenser) error {
		word, values := d.Val(), d.RemainingArgs()
		if len(values) == 0 {
			return d.Errf("%s needs a value", word)
		}
		*into = append(*into, values...)
		return noBlock(d, word)
	}
}

// listOrNone is list for what may be forbidden altogether: the word none alone is an empty list.
func listOrNone(into *[]string) reader {
	return func(d *caddyfile.Dispenser) error {
		if err := list(into)(d); err != nil {
			return err
		}
		if len(*into) == 1 && (*into)[0] == "none" {
			*into = []string{}
		}
		return nil
	}
}

// pairs reads a name and its value, and adds them to those that are there.
func pairs(into *map[string]string) reader {
	return func(d *caddyfile.Dispenser) error {
		word, args := d.Val(), d.RemainingArgs()
		if len(args) != 2 {
			return d.Errf("%s takes a name and a value", word)
		}
		if _, again := (*into)[args[0]]; again {
			return d.Errf("%s is given twice for %q", word, args[0])
		}
		if *into == nil {
			*into = make(map[string]string)
		}
		(*into)[args[0]] = args[1]
		return noBlock(d, word)
	}
}

func parsed[T any](into *T, parse func(string) (T, error), what string) reader {
	return func(d *caddyfile.Dispenser) error {
		word := d.Val()
		value, err := oneValue(d)
		if err != nil {
			return err
		}
		if *into, err = parse(value); err != nil {
			return d.Errf("%s takes %s, not %q", word, what, value)
		}
		return nil
	}
}

// oneValue reads the only argument of a line.
func oneValue(d *caddyfile.Dispenser) (string, error) {
	word, args := d.Val(), d.RemainingArgs()
	if len(args) != 1 {
		return "", d.Errf("%s takes one value, here are %d", word, len(args))
	}
	return args[0], noBlock(d, word)
}
