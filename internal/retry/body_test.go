package retry_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/loom-gateway/loom/internal/retry"
)

// source is a client's body that knows whether it was closed.
type source struct {
	io.Reader
	closed bool
}

func (s *source) Close() error { s.closed = true; return nil }

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestBodyIsReadAgain(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 10)
	for name, r := range map[string]io.Reader{
		"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"with its end": iotest.DataErrReader(strings.NewReader(text)),
	} {
		for _, first := range []int{0, 1, 99, 100, 101} {
			b := retry.NewBody(&source{Reader: r}, -1, 100)
			if r, ok := r.(*strings.Reader); ok {
				r.Seek(0, io.SeekStart)
			} else if first > 0 {
				continue // these can be read once
			}
			head, _ := io.ReadAll(io.LimitReader(b.Next(), int64(first)))
			if !b.CanReplay() {
				t.Errorf("%s: after %d bytes it cannot be read again", name, first)
			}
			if got := readAll(t, b.Next()); got != text || !strings.HasPrefix(text, string(head)) {
				t.Errorf("%s: after %d bytes the second try reads %q", name, first, got)
			}
			if got := readAll(t, b.Next()); got != text {
				t.Errorf("%s: the third try reads %q", name, got)
			}
		}
	}
}

func TestBodyOverItsLimit(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1000)
	for name, length := range map[string]int64{"known": 1000, "unknown": -1} {
		b := retry.NewBody(&source{Reader: strings.NewReader(text)}, length, 999)
		try := b.Next()
		if !b.CanReplay() {
			t.Errorf("%s length: unread, it cannot be sent", name)
		}
		if got := readAll(t, try); got != text || b.CanReplay() {
			t.Errorf("%s length: read %d bytes, can be read again: %t", name, len(got), b.CanReplay())
		}
	}
}

func TestBodyIsClosedWithTheLastTry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps string // r: read, c: close, s: settle, n: another try
		want  bool
	}{
		"a try that another one may follow": {"rc", false},
		"the last one":                      {"src", true},
		"known to be the last afterwards":   {"rcs", true},
		"the last one is unread":            {"sc", false},
		"an earlier one":                    {"rcnsr", false},
		"a later one":                       {"rcnsrc", true},
	} {
		s := &source{Reader: strings.NewReader("text")}
		b := retry.NewBody(s, 4, 100)
		try := b.Next()
		for _, step := range test.steps {
			switch step {
			case 'r':
				try.Read(make([]byte, 2))
			case 'c':
				try.Close()
			case 's':
				b.Settle()
			case 'n':
				try = b.Next()
			}
		}
		if s.closed != test.want {
			t.Errorf("%s (%s): closed: %t", name, test.steps, s.closed)
		}
	}
}

// TestBodyOfAClosedTry stays whole for the next, and one that closes unread may still be read: no connection was made.
func TestBodyOfAClosedTry(t *testing.T) {
	t.Parallel()
	b := retry.NewBody(&source{Reader: strings.NewReader("text")}, 4, 100)
	try := b.Next()
	try.Close()
	if _, err := io.ReadFull(try, make([]byte, 2)); err != nil {
		t.Errorf("reading after an early Close: %v", err)
	}
	try.Close()
	if _, err := try.Read(make([]byte, 2)); err == nil {
		t.Error("a closed try reads on")
	}
	if got := readAll(t, b.Next()); got != "text" {
		t.Errorf("the next try reads %q", got)
	}
}

// TestBodiesErrorIsTheClients shows who is to blame when the body ends too early.
func TestBodiesErrorIsTheClients(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	b := retry.NewBody(&source{Reader: io.MultiReader(strings.NewReader("te"), iotest.ErrReader(gone))}, 4, 100)
	if _, err := io.ReadAll(b.Next()); !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
	if !b.Failed() || b.CanReplay() {
		t.Errorf("failed: %t, can be read again: %t", b.Failed(), b.CanReplay())
	}
}

// TestTriesOverlap has a try wait for the client while the next one begins: what comes belongs to that one, also what is
// beyond the limit.
func TestTriesOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		b := retry.NewBody(r, -1, 6)
		first := b.Next()
		go w.Write([]byte("before"))
		io.ReadFull(first, make([]byte, 6))
		abandoned := make(chan error, 1)
		go func() {
			_, err := first.Read(make([]byte, 100))
			abandoned <- err
		}()
		synctest.Wait()
		if !b.CanReplay() {
			t.Fatal("nothing more was read than is kept")
		}
		b.TakeBack()
		second := b.Next()
		got := make(chan string, 1)
		go func() {
			data, _ := io.ReadAll(second)
			got <- string(data)
		}()
		synctest.Wait()
		w.Write([]byte(" and after"))
		w.Close()
		if err := <-abandoned; err == nil {
			t.Error("the first try reads on")
		}
		if text := <-got; text != "before and after" {
			t.Errorf("the second try reads %q", text)
		}
	})
}

// TestBodyDuringTheBackoff has a try read on between the decision to send the request again and the next try: an engine that
// has a response sends the rest of the body beside it.
func TestBodyDuringTheBackoff(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 10)
	b := retry.NewBody(&source{Reader: strings.NewReader(text)}, -1, 50)
	first := b.Next()
	io.ReadFull(first, make([]byte, 50))
	if !b.TakeBack() {
		t.Fatal("what was read is kept, and is not given to another try")
	}
	if n, err := first.Read(make([]byte, 50)); n > 0 || err == nil {
		t.Errorf("the try that was taken back reads %d bytes, %v", n, err)
	}
	second := b.Next()
	if got := readAll(t, second); got != text {
		t.Errorf("the next try reads %q", got)
	}
	if b.TakeBack() {
		t.Error("more than is kept was read, and there may be another try")
	}
}

// FuzzBody reads a body in several tries, each of which gives up somewhere.
func FuzzBody(f *testing.F) {
	f.Add([]byte("some text to read"), uint8(10), []byte{3, 0, 20, 5, 255})
	f.Fuzz(func(t *testing.T, text []byte, limit uint8, reads []byte) {
		b := retry.NewBody(&source{Reader: bytes.NewReader(text)}, -1, int64(limit))
		most := 0
		for _, n := range append(reads, 255) {
			if !b.CanReplay() {
				if most <= int(limit) {
					t.Fatalf("no more than %d bytes were read, and %d are kept", most, limit)
				}
				return
			}
			got, _ := io.ReadAll(io.LimitReader(b.Next(), int64(n)))
			if want := text[:min(len(text), int(n))]; !bytes.Equal(got, want) {
				t.Fatalf("read %q, want %q", got, want)
			}
			most = max(most, len(got))
		}
	})
}
