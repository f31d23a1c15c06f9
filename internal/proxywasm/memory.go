package proxywasm

import (
	"math"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Memory ownership": inputs are views of guest memory, valid until the guest runs again (its allocator is
// guest code). What the guest gets back is allocated by the guest with exactly the size, and then belongs to it.

// bytesAt returns a view of an input. A length of zero is valid for any pointer: Rust passes dangling ones, Go nil.
func (in *Instance) bytesAt(ptr, size uint32) ([]byte, bool) {
	if size == 0 {
		return nil, true
	}
	if size > maxCopy {
		return nil, false
	}
	in.worked += size >> workShift
	return in.memory.Read(ptr, size)
}

// inputs reads several (pointer, length) parameters at once.
func (in *Instance) inputs(p params, first int, into ...*[]byte) abi.Status {
	for i, target := range into {
		view, ok := in.bytesAt(p.u32(first+2*i), p.u32(first+2*i+1))
		if !ok {
			return abi.StatusInvalidMemoryAccess
		}
		*target = view
	}
	return abi.StatusOK
}

func (in *Instance) putUint32(ptr, value uint32) abi.Status {
	if !in.memory.WriteUint32Le(ptr, value) {
		return abi.StatusInvalidMemoryAccess
	}
	return abi.StatusOK
}

func (in *Instance) putUint64(ptr uint32, value uint64) abi.Status {
	if !in.memory.WriteUint64Le(ptr, value) {
		return abi.StatusInvalidMemoryAccess
	}
	return abi.StatusOK
}

// returnString hands a string to the guest; outPtr and outSize are where the guest wants its address and size.
func (in *Instance) returnString(value string, outPtr, outSize uint32) abi.Status {
	ptr, status := in.allocate(len(value), outPtr, outSize)
	if status != abi.StatusOK || len(value) == 0 {
		return status
	}
	if !in.memory.WriteString(ptr, value) {
		return abi.StatusInvalidMemoryAccess
	}
	return in.putPointer(ptr, len(value), outPtr, outSize)
}

// returnBytes hands bytes to the guest. value must not be a view of guest memory.
func (in *Instance) returnBytes(value []byte, outPtr, outSize uint32) abi.Status {
	ptr, status := in.allocate(len(value), outPtr, outSize)
	if status != abi.StatusOK || len(value) == 0 {
		return status
	}
	if !in.memory.Write(ptr, value) {
		return abi.StatusInvalidMemoryAccess
	}
	return in.putPointer(ptr, len(value), outPtr, outSize)
}

// allocate asks the guest for memory, after it has checked that the answer can be delivered. An empty value is a null
// pointer and never an allocation: Go's SDK takes the address of the first byte of what it allocated.
func (in *Instance) allocate(size int, outPtr, outSize uint32) (uint32, abi.Status) {
	if size > math.MaxInt32 || !in.writable(outPtr) || !in.writable(outSize) {
		return 0, abi.StatusInvalidMemoryAccess
	}
	if size == 0 {
		return 0, in.putPointer(0, 0, outPtr, outSize)
	}
	in.worked += uint32(size) >> workShift
	ptr := in.callAllocator(uint32(size))
	if ptr == 0 {
		return 0, abi.StatusInvalidMemoryAccess
	}
	return ptr, abi.StatusOK
}

func (in *Instance) writable(ptr uint32) bool {
	_, ok := in.memory.ReadUint32Le(ptr)
	return ok
}

// places checks the addresses of several answers before a hostcall has an effect or writes the first of them.
func (in *Instance) places(p params, at ...int) abi.Status {
	for _, i := range at {
		if !in.writable(p.u32(i)) {
			return abi.StatusInvalidMemoryAccess
		}
	}
	return abi.StatusOK
}

// putPointer writes the address first: for Go's collector nothing else holds the fresh block.
func (in *Instance) putPointer(ptr uint32, size int, outPtr, outSize uint32) abi.Status {
	if status := in.putUint32(outPtr, ptr); status != abi.StatusOK {
		return status
	}
	return in.putUint32(outSize, uint32(size))
}

// callAllocator runs the guest's allocator, the only guest code that runs inside a hostcall. Meanwhile the guest may
// only log (hostcalls.go checks). A trap unwinds through the hostcall into the callback that made it.
func (in *Instance) callAllocator(size uint32) uint32 {
	if in.allocator == nil {
		return 0
	}
	in.allocating = true
	in.allocStack[0] = uint64(size)
	err := in.allocator.CallWithStack(in.ctx, in.allocStack[:])
	in.allocating = false
	if err != nil {
		panic(err)
	}
	return uint32(in.allocStack[0])
}
