package proxywasm

import (
	"math"
	"testing"
)

// Memory is used again only when it was the buffer's own: a chunk that was let through belongs to whoever sent it.
func TestBodyReusesOnlyItsOwnMemory(t *testing.T) {
	var b Body
	chunk := []byte("a chunk")
	b.Append(chunk)
	b.Reuse(b.Take())
	b.Append([]byte("another"))
	b.Splice(0, math.MaxUint32, []byte("written"))
	if string(chunk) != "a chunk" {
		t.Fatalf("the chunk of the caller is now %q", chunk)
	}
	written := b.Take()
	b.Append([]byte("a third"))
	b.Splice(0, math.MaxUint32, []byte("not yet"))
	if string(written) != "written" {
		t.Fatalf("what was taken is now %q before it was given back", written)
	}
	first := b.Take()
	b.Reuse(first)
	b.Append([]byte("a fourth"))
	b.Splice(0, math.MaxUint32, []byte("again"))
	if second := b.Take(); &second[0] != &first[0] || string(second) != "again" {
		t.Errorf("%q did not go to the memory that was given back", second)
	}
}
