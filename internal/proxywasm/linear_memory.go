package proxywasm

import (
	"context"

	"github.com/tetratelabs/wazero/experimental"
)

// linearMemory is the memory of one guest. Guests grow theirs by a page or two as soon as they start, and wazero would then
// copy all of it, and so make real what was only reserved: most of a guest's first MiB is a stack that is hardly used. Here
// there is some room behind what the guest asks for, which costs nothing until it is touched.
type linearMemory struct {
	buffer []byte
	most   uint64
}

// growthRoom is the least that is reserved behind a memory.
const growthRoom = 4 * pageBytes

const pageBytes = 64 << 10

func withLinearMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
		return &linearMemory{most: most}
	}))
}

// Reallocate implements experimental.LinearMemory. What is behind the buffer's end was never written to.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(cap(m.buffer)) {
		grown := make([]byte, size, min(size+max(size/4, growthRoom), max(m.most, size)))
		copy(grown, m.buffer)
		m.buffer = grown
	}
	m.buffer = m.buffer[:size]
	return m.buffer
}

// Free implements experimental.LinearMemory. The collector does it, when no guest code can run any more.
func (m *linearMemory) Free() {}

// Interface guard
var _ experimental.LinearMemory = (*linearMemory)(nil)
