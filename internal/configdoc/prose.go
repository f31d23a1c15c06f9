package configdoc

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	subject  = regexp.MustCompile(`^\w+ is (?:the )?\S*loom\S*(?: app)?: `)
	pageName = regexp.MustCompile(`\bdocs/([a-z-]+\.md)\b`)
	standard = regexp.MustCompile(`(?s)^(.*?)\s*\bDefaults?: (.*)$`)
	empty    = regexp.MustCompile(`^(?:is|are|says) `)
	verb     = regexp.MustCompile(`^(?:is|are) |^[a-z]+s `)
)

// withoutSubject takes away "Handler is http.handlers.loom_x: ", which the heading says.
func withoutSubject(doc string) string {
	return capital(subject.ReplaceAllString(doc, ""))
}

// withoutName takes away the Go name with which a comment begins. What is left is in order where the name was the subject
// ("Timeout bounds …", "Jitter is by how much …"); otherwise the name becomes words ("EjectionTime of …").
func withoutName(name, doc string) string {
	rest, ok := strings.CutPrefix(doc, name)
	if !ok || rest == "" || (rest[0] != ' ' && rest[0] != ':') {
		return doc
	}
	sentence := strings.TrimLeft(rest, ": ")
	if rest[0] == ':' {
		return sentence
	}
	if found := verb.FindString(sentence); found != "" {
		return empty.ReplaceAllString(sentence, "")
	}
	return words(name) + rest
}

// words writes EjectionTime as "Ejection time", and TLS as it is.
func words(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]) {
			b.WriteByte(' ')
			if i+1 < len(runes) && unicode.IsLower(runes[i+1]) {
				r = unicode.ToLower(r)
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// meaning is what a field does, and what it is when it is not written.
func (f field) meaning() (text, whenAbsent string) {
	doc := strings.Join(strings.Fields(f.doc), " ")
	if found := standard.FindStringSubmatch(doc); found != nil {
		doc, whenAbsent = found[1], strings.TrimSuffix(found[2], ".")
	} else if rest, ok := strings.CutSuffix(doc, " Required."); ok {
		doc, whenAbsent = rest, "required"
	}
	return capital(withoutName(f.Name, doc)), whenAbsent
}

func capital(s string) string {
	for i, r := range s {
		return s[:i] + string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
}

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "\n\n")
	s = strings.ReplaceAll(s, "\n", " ")
	if sentence, _, more := strings.Cut(s, ". "); more {
		return sentence + "."
	}
	return s
}

// markdown makes links of the pages that a comment names, and fences of what is indented in it.
func markdown(doc string) string {
	doc = pageName.ReplaceAllString(doc, "[$1]($1)")
	var b strings.Builder
	code := false
	for line := range strings.Lines(doc) {
		if indented := strings.HasPrefix(line, "\t"); indented != code && strings.TrimSpace(line) != "" {
			b.WriteString("```\n")
			code = indented
		}
		b.WriteString(strings.TrimPrefix(line, "\t"))
	}
	if code {
		b.WriteString("\n```")
	}
	return strings.TrimSpace(b.String())
}

// cell is a text that may stand in a table.
func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", `\|`), "\n", " ") }
