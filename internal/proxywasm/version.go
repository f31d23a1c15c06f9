package proxywasm

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	moduleHeader     = 8  // magic number and version of the format
	maxVersionLength = 64 // of the text that is shown
)

// versionOf is the text of the custom section `version`, where `wasm-tools metadata add --version` puts it; empty without one,
// and when it is no short text that can be shown.
func versionOf(code []byte) string {
	for rest := code[min(moduleHeader, len(code)):]; len(rest) > 0; {
		id := rest[0]
		content, after, ok := sized(rest[1:])
		if !ok {
			return ""
		}
		rest = after
		if name, text, ok := sized(content); ok && id == 0 && string(name) == "version" {
			return shownVersion(string(text))
		}
	}
	return ""
}

// sized splits bytes that begin with their length from what follows them.
func sized(data []byte) (content, after []byte, ok bool) {
	length, n := binary.Uvarint(data)
	if n <= 0 || length > uint64(len(data)-n) {
		return nil, nil, false
	}
	return data[n : n+int(length)], data[n+int(length):], true
}

func shownVersion(text string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if text = strings.TrimSpace(text); len(text) > maxVersionLength || !utf8.ValidString(text) || strings.ContainsFunc(text, hidden) {
		return ""
	}
	return text
}
