package caddyfile

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// configuration reads the configuration of a plugin: one text, handed to the plugin byte for byte, or a
// block, handed over as the compact JSON of it.
//
//	config <text>
//	config {
//		<key> <value>
//		<key> <value> <value>...
//		<key> {
//			...
//		}
//	}
//
// A value is a number, true, false or null when it looks like one and stands without quotes, else a
// string. Several values make a list; for a list of one, write the JSON as text.
func configuration(into *string) reader {
	return func(d *caddyfile.Dispenser) error {
		if d.CountRemainingArgs() > 0 {
			return text(into)(d)
		}
		object, err := readObject(d)
		if err != nil {
			return err
		}
		*into, err = compactJSON(object)
		return err
	}
}

// readObject reads the block after a word as a JSON object.
func readObject(d *caddyfile.Dispenser) (map[string]any, error) {
	word, opened := d.Val(), false
	object := make(map[string]any)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		opened = true
		key := d.Val()
		if _, again := object[key]; again {
			return nil, d.Errf("%s is given twice in %s", key, word)
		}
		value, err := readValue(d)
		if err != nil {
			return nil, err
		}
		object[key] = value
	}
	if !opened {
		return nil, d.Errf("%s needs a value or a block", word)
	}
	return object, nil
}

func readValue(d *caddyfile.Dispenser) (any, error) {
	key, tokens := d.Val(), d.RemainingArgsAsTokens()
	switch len(tokens) {
	case 0:
		return readObject(d)
	case 1:
		return scalar(tokens[0]), noBlock(d, key)
	}
	values := make([]any, len(tokens))
	for i, token := range tokens {
		values[i] = scalar(token)
	}
	return values, noBlock(d, key)
}

// scalar keeps the digits of a number as they were written: a config may hold integers above 2^53.
func scalar(token caddyfile.Token) any {
	value := json.RawMessage(token.Text)
	plain := !token.Quoted() && json.Valid(value)
	if plain && bytes.IndexByte([]byte(`"[{`), value[0]) < 0 {
		return value
	}
	return token.Text
}

func compactJSON(value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", fmt.Errorf("writing plugin configuration as JSON: %w", err)
	}
	return string(bytes.TrimSpace(text.Bytes())), nil
}
