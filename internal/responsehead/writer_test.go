package responsehead

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type heads []int

func (h *heads) Head(status int, header http.Header) {
	*h = append(*h, status)
	header.Set("Hooked", "yes")
}

func TestHead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		respond func(w *Writer)
		status  int
	}{
		"a status":           {func(w *Writer) { w.WriteHeader(404); w.WriteHeader(200) }, 404},
		"only a body":        {func(w *Writer) { _, _ = w.Write([]byte("x")) }, 200},
		"a copied body":      {func(w *Writer) { _, _ = io.Copy(w, strings.NewReader("x")) }, 200},
		"a flush":            {func(w *Writer) { _ = http.NewResponseController(w).Flush() }, 200},
		"hints in front":     {func(w *Writer) { w.WriteHeader(103); w.WriteHeader(418) }, 418},
		"switched protocols": {func(w *Writer) { w.WriteHeader(101) }, 101},
	} {
		var seen heads
		recorder := httptest.NewRecorder()
		w := New(recorder, &seen)
		test.respond(w)
		if len(seen) != 1 || seen[0] != test.status || w.Status() != test.status || recorder.Header().Get("Hooked") != "yes" {
			t.Errorf("%s: hook saw %v, status %d, want %d", name, seen, w.Status(), test.status)
		}
	}
	if New(httptest.NewRecorder(), nil).Status() != 0 {
		t.Error("a response that was not begun has a status")
	}
}
