package httpfilter

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/shared"
)

// What a plugin costs per byte of a body.

// mebibyte is the length of the bodies.
const mebibyte = 1 << 20

// bodyFilter is the guest of the benchmarks, whose body callbacks never pause, and which has none when only is the phase
// of another callback.
func bodyFilter(tb testing.TB, work, only string) *Filter {
	tb.Helper()
	code, err := os.ReadFile("../../bench/guest/guest.wasm")
	if err != nil {
		tb.Fatal(err)
	}
	spec := plugin.Spec{Name: tb.Name(), Code: code, Config: work, Instances: 1, Phase: only}
	p, err := plugin.Open(context.Background(), spec, plugin.Deps{Shared: shared.NewStore(), Log: zap.NewNop()})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := p.Context(context.Background(), work)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Release(); p.Close() })
	return New(c, Options{})
}

// server is the server's own writer, which can copy by itself, as a connection does with a file.
type server struct {
	unread
	copiedFrom []io.Reader
	written    int64
	changed    int64 // of written, in pieces that do not begin with a zero
}

func (s *server) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0] != 0 {
		s.changed += int64(len(p))
	}
	s.written += int64(len(p))
	return len(p), nil
}

func (s *server) ReadFrom(r io.Reader) (int64, error) {
	s.copiedFrom = append(s.copiedFrom, r)
	return io.Copy(io.Discard, r)
}

// file is a body that can only be read.
type file struct {
	io.Reader
	io.Closer
}

// Without a body callback no byte of a body passes through the filter: the server copies the response from the handler's own
// reader, and the handler reads the client's own body.
func TestABodyThatNobodyLooksAtIsNotTouched(t *testing.T) {
	filter, s := bodyFilter(t, "empty", "on_request_headers"), &server{unread: unread{http.Header{}}}
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	client := &file{bytes.NewReader(make([]byte, mebibyte)), io.NopCloser(nil)}
	r.Body, r.ContentLength = client, mebibyte
	source := &file{Reader: bytes.NewReader(make([]byte, mebibyte))}
	err := filter.ServeHTTP(s, r, func(w http.ResponseWriter, r *http.Request) error {
		if r.Body != client {
			t.Errorf("the request's body is a %T and not the client's", r.Body)
		}
		n, err := w.(io.ReaderFrom).ReadFrom(source)
		if n != mebibyte {
			t.Errorf("%d bytes were copied", n)
		}
		return err
	})
	if err != nil || len(s.copiedFrom) != 1 || s.copiedFrom[0] != source || s.written != 0 {
		t.Errorf("the server copied from %v and was written %d bytes: %v", s.copiedFrom, s.written, err)
	}
}

// With a body callback that lets everything through, the filter keeps nothing of a response back, and reads no more of a
// request than one chunk ahead of the handler.
func TestABodyThatIsNeverPausedIsNotBuffered(t *testing.T) {
	filter, s := bodyFilter(t, "empty", ""), &server{unread: unread{http.Header{}}}
	sent := bytes.NewReader(make([]byte, mebibyte))
	r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	r.Body, r.ContentLength = &file{sent, io.NopCloser(nil)}, mebibyte
	err := filter.ServeHTTP(s, r, func(w http.ResponseWriter, r *http.Request) error {
		chunk := make([]byte, 4<<10)
		for got := 0; got < mebibyte; {
			n, err := r.Body.Read(chunk)
			got += n
			if ahead := mebibyte - sent.Len() - got; ahead > chunkSize || err != nil && got < mebibyte {
				t.Fatalf("%d bytes were read ahead, %v", ahead, err)
			}
			if _, err := w.Write(chunk[:n]); err != nil || s.written != int64(got) {
				t.Fatalf("%d bytes were written, %d have arrived: %v", got, s.written, err)
			}
		}
		return nil
	})
	if err != nil || s.written != mebibyte {
		t.Errorf("%d bytes have arrived: %v", s.written, err)
	}
}

// BenchmarkBody sends a response of 1 MiB in pieces of 32 KiB, as a proxy does, through a guest that lets them through, and
// through one that takes each, changes it and gives it back. The metric compares it with copying the same pieces twice, in
// the same run.
func BenchmarkBody(b *testing.B) {
	for _, work := range []string{"empty", "rewrite"} {
		b.Run(work, func(b *testing.B) { benchmarkBody(b, work) })
	}
}

// A guest that rewrites a body without pausing gets each piece once.
func TestABodyIsRewrittenPieceByPiece(t *testing.T) {
	filter, s := bodyFilter(t, "rewrite", ""), &server{unread: unread{http.Header{}}}
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	err := filter.ServeHTTP(s, r, func(w http.ResponseWriter, _ *http.Request) error {
		for range 4 {
			if _, err := w.Write(make([]byte, mebibyte/4)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || s.changed != mebibyte || s.written != mebibyte {
		t.Errorf("%d bytes have arrived, %d of them rewritten: %v", s.written, s.changed, err)
	}
}

func benchmarkBody(b *testing.B, work string) {
	filter, s := bodyFilter(b, work, ""), &server{unread: unread{http.Header{}}}
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	const piece = 32 << 10
	body, first, second := make([]byte, mebibyte), make([]byte, piece), make([]byte, piece)
	send := func(w http.ResponseWriter, _ *http.Request) error {
		for at := 0; at < mebibyte; at += piece {
			if _, err := w.Write(body[at : at+piece]); err != nil {
				return err
			}
		}
		return nil
	}
	b.SetBytes(mebibyte)
	var guest, copies int64
	for b.Loop() {
		clear(s.header)
		began := cpuTime(b)
		if err := filter.ServeHTTP(s, r, send); err != nil {
			b.Fatal(err)
		}
		between := cpuTime(b)
		for at := 0; at < mebibyte; at += piece {
			copy(first, body[at:])
			copy(second, first)
		}
		guest, copies = guest+int64(between-began), copies+int64(cpuTime(b)-between)
	}
	b.ReportMetric(float64(guest)/float64(max(copies, 1)), "×copied-twice")
}
