package portability

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What each gateway adds or takes for itself, whatever a plugin does. docs/portability.md names them.
var ownHeaders = []string{
	"accept-encoding", "alt-svc", "connection", "date", "grpc-accept-encoding", "server", "transfer-encoding", "trailer", "via",
	"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id",
}

func isOwn(name string) bool {
	return slices.Contains(ownHeaders, name) || strings.HasPrefix(name, "x-envoy-")
}

// messageLines is a message: a line for each header, names in order and the values of a name as they came, the body and
// the trailers. A content-length that is right is left out: it or chunks, that is the gateway's choice.
func messageLines(h http.Header, body []byte, trailers http.Header) []string {
	var lines []string
	length := fmt.Sprintf("header content-length: %d", len(body))
	for _, line := range fieldLines("header", h) {
		if line != length {
			lines = append(lines, line)
		}
	}
	lines = append(lines, bodyLines(body)...)
	return append(lines, fieldLines("trailer", trailers)...)
}

func fieldLines(kind string, h http.Header) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		lower := strings.ToLower(name)
		if isOwn(lower) {
			continue
		}
		for _, value := range h[name] {
			lines = append(lines, kind+" "+lower+": "+visible(value))
		}
	}
	return lines
}

// bodyLines shows a short body whole, and a long one by its size and digest.
func bodyLines(body []byte) []string {
	switch {
	case len(body) == 0:
		return nil
	case len(body) > 300:
		return []string{fmt.Sprintf("body of %d bytes, sha256 %x…", len(body), sha256.Sum256(body))[:60]}
	}
	return []string{`body "` + visible(string(body)) + `"`}
}

func visible(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// guestLines is what the guests logged, plugin by plugin, with the contexts numbered by their appearance.
func guestLines(s *scenario, lines []guestLine) []string {
	n := numbering{contexts: map[string]string{}}
	probes := map[string]bool{}
	for _, g := range s.Plugins {
		probes[g.name] = g.Module == ""
	}
	var out []string
	slices.SortStableFunc(lines, func(a, b guestLine) int { return strings.Compare(a.plugin, b.plugin) })
	for _, l := range lines {
		text, isProbe := strings.CutPrefix(l.text, "probe: ")
		if !isProbe && probes[l.plugin] {
			continue // a hint of the gateway's in the plugin's name
		}
		if strings.HasPrefix(text, "> ") {
			text = n.callback(l.plugin, text)
		} else if l.level != "info" {
			text = "[" + l.level + "] " + text
		}
		if len(s.Plugins) > 1 {
			text = strings.TrimPrefix(l.plugin, s.Name+"-") + " " + text
		}
		out = append(out, sortPairs(text))
	}
	return joinPieces(out)
}

var bodyLine = regexp.MustCompile(`^((?:\d )?> \w+_body stream\d+) \d+ ([01])$`)

// joinPieces shows a body callback in which the plugin did nothing only when it is the last one, and without the size:
// how a body is cut into pieces is the gateway's choice.
func joinPieces(lines []string) []string {
	var out []string
	for i, line := range lines {
		m := bodyLine.FindStringSubmatch(line)
		if m == nil || i+1 < len(lines) && !strings.Contains(lines[i+1], "> ") {
			out = append(out, line)
			continue
		}
		if m[2] == "1" {
			out = append(out, m[1]+" … 1")
		}
	}
	return out
}

type numbering struct {
	contexts map[string]string
	streams  int
}

var (
	callbackLine = regexp.MustCompile(`^> (\w+) ctx=(\d+) (-?\d+) (-?\d+)$`)
	pairsLine    = regexp.MustCompile(`^(.* -> 0) (\d+)((?: [^ =]+="[^"]*")*)$`)
	pair         = regexp.MustCompile(` ([^ =]+)=("[^"]*")`)
)

func (n *numbering) callback(plugin, text string) string {
	m := callbackLine.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	key := plugin + " " + m[2]
	if m[1] == "context_create" {
		if m[3] == "0" {
			n.contexts[key] = "plugin"
		} else {
			n.streams++
			n.contexts[key] = "stream" + strconv.Itoa(n.streams)
		}
		return "> context_create " + n.contexts[key]
	}
	a, b := m[3], m[4]
	switch m[1] {
	case "request_headers", "response_headers", "http_call_response", "grpc_initial":
		a = "…" // how many headers: each gateway adds some of its own
	}
	return fmt.Sprintf("> %s %s %s %s", m[1], n.contexts[key], a, b)
}

// sortPairs brings the pairs of a map into the order of their names, without the gateway's own.
func sortPairs(text string) string {
	m := pairsLine.FindStringSubmatch(text)
	if m == nil || !strings.Contains(text, "pairs") {
		return text
	}
	var pairs []string
	for _, p := range pair.FindAllStringSubmatch(m[3], -1) {
		if !isOwn(p[1]) {
			pairs = append(pairs, " "+p[1]+"="+p[2])
		}
	}
	name := func(p string) string { n, _, _ := strings.Cut(p, "="); return n }
	slices.SortStableFunc(pairs, func(a, b string) int { return strings.Compare(name(a), name(b)) })
	return m[1] + strings.Join(pairs, "")
}

// mask hides what no two runs have in common.
func mask(s *scenario, lines []string) []string {
	for _, m := range s.Mask {
		expr := regexp.MustCompile(m)
		for i, line := range lines {
			if at := expr.FindStringSubmatchIndex(line); len(at) >= 4 {
				lines[i] = line[:at[2]] + "…" + line[at[3]:]
			}
		}
	}
	return lines
}
