package handover

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// ends returns where each part of the requests in text ends, read in pieces of a size.
func ends(text string, piece int) []int {
	var f framing
	var found []int
	for at := 0; at < len(text); {
		inHead := f.part == head
		n, end := f.next([]byte(text[at:min(at+piece, len(text))]))
		at += n
		if !end {
			continue
		}
		found = append(found, at)
		if inHead {
			f.begin(lengthIn(text[:at]))
		}
	}
	return found
}

// lengthIn is what net/http would say of the last head in text.
func lengthIn(text string) int64 {
	at := strings.LastIndex(text, "POST ")
	if at < 0 || strings.LastIndex(text, "GET ") > at {
		return 0
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text[at:])))
	if err != nil {
		return 0
	}
	return r.ContentLength
}

func TestFraming(t *testing.T) {
	for name, parts := range map[string][]string{
		"heads":          {get, get},
		"bare newlines":  {"GET / HTTP/1.1\nHost: x\n\n", get},
		"length":         {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n", "\r\n\r\nGET / HT\r", get},
		"length of zero": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", get},
		"chunks": {
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
			"3\r\na\r\n\r\nB ; name=\"value\"\r\n0\r\n\r\n0\r\n\r\n0\r\n0\r\n\r\n", get,
		},
		"trailers": {
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
			"0001\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", get,
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Join(parts, "")
			for piece := 1; piece <= len(text); piece++ {
				var want []int
				at := 0
				for _, p := range parts {
					at += len(p)
					want = append(want, at)
				}
				if got := ends(text, piece); !equal(got, want) {
					t.Fatalf("in pieces of %d: ends at %v, want %v", piece, got, want)
				}
			}
		})
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// FuzzFraming holds the end of a body against where net/http stops to read: what net/http has read as a request ends there, and
// what comes behind stays for the next.
func FuzzFraming(f *testing.F) {
	for _, seed := range []string{"", "0\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "1;a\r\nx\r\n0\r\nA: b\r\n\r\nGET", "A\r\n0123456789\r\n00\r\n\r\n"} {
		f.Add(seed, 7)
	}
	f.Fuzz(func(t *testing.T, body string, piece int) {
		text := "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body + get
		source := strings.NewReader(text)
		buffered := bufio.NewReaderSize(source, 1<<16)
		r, err := http.ReadRequest(buffered)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		rest, err := io.ReadAll(buffered)
		if err != nil {
			t.Fatal(err)
		}
		want := len(text) - len(rest)
		got := ends(text, max(piece&31, 1))
		if len(got) < 2 {
			return // unreadable: the connection is closed, which is safe
		}
		if got[1] != want {
			t.Errorf("the body ends at %d, net/http reads to %d of %q", got[1], want, text)
		}
	})
}

// TestPassesAllBytes reads a body that is longer than what lies around, through a Conn that stops at each end.
func TestPassesAllBytes(t *testing.T) {
	w := newTown(t)
	w.open("only", "", echo)
	c := w.dial()
	body := bytes.Repeat([]byte("0123456789"), 1<<16)
	for range 3 {
		r, err := http.NewRequest(http.MethodPost, "http://x/long", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		go r.Write(c)
		c.wantAnswer("only", "/long "+string(body))
	}
}
