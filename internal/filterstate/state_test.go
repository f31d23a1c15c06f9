package filterstate

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestStateIsBounded(t *testing.T) {
	var s State
	for i := range maxEntries {
		if err := s.Set(strconv.Itoa(i), []byte("v")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Set("one more", nil); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if err := s.Set("0", []byte("other")); err != nil {
		t.Errorf("an existing entry: %v", err)
	}
	if v, ok := s.Get("0"); !ok || string(v) != "other" {
		t.Errorf("0 is %q, %v", v, ok)
	}
	if err := s.Set("1", []byte(strings.Repeat("x", maxBytes))); !errors.Is(err, ErrFull) {
		t.Errorf("a large value: %v", err)
	}
	if _, ok := s.Get("one more"); ok {
		t.Error("what was refused is there")
	}
}

func TestReplacedValuesGiveTheirRoomBack(t *testing.T) {
	var s State
	for range 10 {
		if err := s.Set("k", []byte(strings.Repeat("x", maxBytes/2))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	var s State
	s.LimitBody(Request, 5)
	if r, w := s.BodyLimit(Request, 1), s.BodyLimit(Response, 1); r != 5 || w != 1 {
		t.Errorf("limits %d, %d", r, w)
	}
}
