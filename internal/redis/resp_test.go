package redis

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadValue(t *testing.T) {
	for _, text := range []string{
		"+OK\r\n", "-ERR no\r\n", ":7\r\n", "$0\r\n\r\n", "$-1\r\n", "$5\r\na\r\nbc\r\n", "*0\r\n", "*-1\r\n",
		"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "%1\r\n+k\r\n:1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(123456789012345678901\r\n",
		"=8\r\ntxt:some\r\n", "~1\r\n:1\r\n", ">1\r\n+x\r\n", "|1\r\n+ttl\r\n:9\r\n+OK\r\n", "+" + strings.Repeat("x", 9000) + "\r\n",
	} {
		from := bufio.NewReader(strings.NewReader(text + "+next\r\n"))
		got, err := readValue(from, 10_000)
		if err != nil || string(got) != text {
			t.Errorf("%q was read as %q, %v", text, got, err)
		}
		if rest, err := io.ReadAll(from); err != nil || string(rest) != "+next\r\n" {
			t.Errorf("behind %q is %q", text, rest)
		}
	}
}

func TestReadValueRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"HTTP/1.1 400 Bad Request\r\n":  errProtocol,
		"\r\n":                          errProtocol,
		"+OK\n":                         errProtocol,
		"$x\r\n":                        errProtocol,
		"$-2\r\n":                       errProtocol,
		"$1\r\nabc":                     errProtocol,
		strings.Repeat("*1\r\n", 40):    errProtocol,
		"$1001\r\n":                     ErrTooLarge,
		"$9223372036854775807\r\n":      ErrTooLarge,
		"*9223372036854775807\r\n":      ErrTooLarge,
		"+" + strings.Repeat("x", 2000): ErrTooLarge,
		"$5\r\nab":                      io.ErrUnexpectedEOF,
		"*2\r\n:1\r\n":                  io.ErrUnexpectedEOF,
		"":                              io.EOF,
	} {
		if _, err := readValue(bufio.NewReader(strings.NewReader(text)), 1000); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", text, err, want)
		}
	}
}

func TestCheckCommand(t *testing.T) {
	for text, valid := range map[string]bool{
		"*1\r\n$4\r\nPING\r\n":                     true,
		"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n":           true,
		"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n": false,
		"*0\r\n":             false,
		"*1\r\n:1\r\n":       false,
		"PING\r\n":           false,
		"+PING\r\n":          false,
		"":                   false,
		"*1\r\n$4\r\nPING\r": false,
	} {
		if err := CheckCommand([]byte(text)); (err == nil) != valid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadValue(f *testing.F) {
	f.Add("*2\r\n$1\r\na\r\n*1\r\n:1\r\n")
	f.Add("%1\r\n+k\r\n:1\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		const most = 1000
		got, err := readValue(bufio.NewReader(strings.NewReader(text)), most)
		if err == nil && (len(got) > most || !strings.HasPrefix(text, string(got))) {
			t.Errorf("%q was read as %q", text, got)
		}
	})
}
