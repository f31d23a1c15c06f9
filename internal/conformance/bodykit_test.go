package conformance

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// wantEnd fails unless the last callback of a name has this end_of_stream, its last argument.
func (g *gateway) wantEnd(t *testing.T, prefix string, eos int) {
	t.Helper()
	found := g.find(prefix)
	if len(found) == 0 || !strings.HasSuffix(found[len(found)-1], " "+strconv.Itoa(eos)) {
		t.Errorf("%q: want the last with end_of_stream %d", found, eos)
	}
}

// wantEnds fails unless n streams have ended, each with log, done and delete, once and in this order.
func (g *gateway) wantEnds(t *testing.T, n int) {
	t.Helper()
	g.ended(t, n)
	steps := map[string]string{}
	for _, line := range g.log() {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "> "), " ")
		id, _, _ := strings.Cut(rest, " ")
		if name == "log" || name == "done" || name == "delete" {
			steps[id] += name + " "
		}
	}
	for id, did := range steps {
		if did != "log done delete " {
			t.Errorf("%s: %s", id, did)
		}
	}
	if len(steps) != n {
		t.Errorf("%d streams ended, want %d: %v", len(steps), n, steps)
	}
}

// sizes lists the first arguments of the callbacks of a name.
func (g *gateway) sizes(t *testing.T, prefix string) []int {
	t.Helper()
	var list []int
	for _, line := range g.find(prefix) {
		words := strings.Fields(line)
		n, err := strconv.Atoi(words[len(words)-2])
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		list = append(list, n)
	}
	return list
}

// pieceByPiece is a backend that tells what it reads as it comes.
func pieceByPiece(got chan<- string) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		defer close(got)
		buf := make([]byte, 1<<10)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				got <- string(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}
}

// sendPieces sends a piece only when the backend has the one before, in capitals.
func sendPieces(t *testing.T, g *gateway, got <-chan string, pieces ...string) {
	t.Helper()
	r, w := io.Pipe()
	go func() {
		for _, piece := range pieces {
			_, _ = io.WriteString(w, piece)
			if text := <-got; text != strings.ToUpper(piece) {
				t.Errorf("the backend got %q", text)
			}
		}
		_ = w.Close()
	}()
	g.do(t, "POST", "/", r)
	if rest := all(got); len(rest) > 0 {
		t.Errorf("more than was sent: %q", rest)
	}
}

// all receives until the channel is closed.
func all(from <-chan string) (list []string) {
	for text := range from {
		list = append(list, text)
	}
	return list
}

// readingBackend answers with the length and the body of the request.
func readingBackend(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	_, _ = io.WriteString(w, "length="+strconv.FormatInt(r.ContentLength, 10)+" "+string(body))
}
