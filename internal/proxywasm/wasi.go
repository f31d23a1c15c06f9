package proxywasm

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
	"unicode/utf16"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "WASI": the part of preview 1 that a plugin may have, under both names in use. There are no files, no
// sockets and no arguments; standard output and error go to the plugin's log. wazero's own WASI closes the module on
// proc_exit and sleeps in poll_oneoff, so it is not used.

// The errors of WASI preview 1 that are answered here.
const (
	wasiOK      = 0
	wasiBadFD   = 8
	wasiFault   = 21
	wasiInval   = 28
	wasiNoEntry = 44
	wasiNoSys   = 52
	wasiNotDir  = 54
	wasiNotSup  = 58
)

type wasiCall struct {
	name   string
	params string
	call   func(in *Instance, p params) uint32
}

// answering is a function that does nothing but answer.
func answering(errno uint32) func(*Instance, params) uint32 {
	return func(*Instance, params) uint32 { return errno }
}

func wasiCalls() []wasiCall {
	badFD, notSup := answering(wasiBadFD), answering(wasiNotSup)
	return []wasiCall{
		{"args_get", "ii", answering(wasiOK)},
		{"args_sizes_get", "ii", (*Instance).wasiArgsSizes},
		{"environ_get", "ii", (*Instance).wasiEnviron},
		{"environ_sizes_get", "ii", (*Instance).wasiEnvironSizes},
		{"clock_res_get", "ii", (*Instance).wasiClockRes},
		{"clock_time_get", "iIi", (*Instance).wasiClockTime},
		{"fd_advise", "iIIi", answering(wasiOK)},
		{"fd_allocate", "iII", badFD},
		{"fd_close", "i", answering(wasiOK)},
		{"fd_datasync", "i", badFD},
		{"fd_fdstat_get", "ii", (*Instance).wasiFdstat},
		{"fd_fdstat_set_flags", "ii", answering(wasiNoSys)},
		{"fd_fdstat_set_rights", "iII", badFD},
		{"fd_filestat_get", "ii", badFD},
		{"fd_filestat_set_size", "iI", badFD},
		{"fd_filestat_set_times", "iIIi", badFD},
		{"fd_pread", "iiiIi", answering(wasiNoSys)},
		{"fd_prestat_get", "ii", badFD},
		{"fd_prestat_dir_name", "iii", answering(wasiNoSys)},
		{"fd_pwrite", "iiiIi", func(in *Instance, p params) uint32 { return in.wasiWrite(p[0:3], p.u32(4)) }},
		{"fd_read", "iiii", answering(wasiNoSys)},
		{"fd_readdir", "iiiIi", answering(wasiNotDir)},
		{"fd_renumber", "ii", badFD},
		{"fd_seek", "iIii", answering(wasiOK)},
		{"fd_sync", "i", badFD},
		{"fd_tell", "ii", (*Instance).wasiTell},
		{"fd_write", "iiii", func(in *Instance, p params) uint32 { return in.wasiWrite(p[0:3], p.u32(3)) }},
		{"path_create_directory", "iii", notSup},
		{"path_filestat_get", "iiiii", notSup},
		{"path_filestat_set_times", "iiiiIIi", notSup},
		{"path_link", "iiiiiii", notSup},
		{"path_open", "iiiiiIIii", answering(wasiNoEntry)},
		{"path_readlink", "iiiiii", notSup},
		{"path_remove_directory", "iii", notSup},
		{"path_rename", "iiiiii", notSup},
		{"path_symlink", "iiiii", notSup},
		{"path_unlink_file", "iii", notSup},
		{"poll_oneoff", "iiii", (*Instance).wasiPoll},
		{"proc_exit", "i", (*Instance).wasiExit},
		{"proc_raise", "i", notSup},
		{"random_get", "ii", (*Instance).wasiRandom},
		{"sched_yield", "", answering(wasiOK)},
		{"sock_accept", "iii", notSup},
		{"sock_recv", "iiiiii", notSup},
		{"sock_send", "iiiii", notSup},
		{"sock_shutdown", "ii", notSup},
	}
}

// linkWASI offers the functions under each module name that the guest imports from.
func linkWASI(ctx context.Context, r wazero.Runtime, guest wazero.CompiledModule) error {
	for _, module := range []string{"wasi_snapshot_preview1", "wasi_unstable"} {
		if err := linkWASIModule(ctx, r, guest, module); err != nil {
			return err
		}
	}
	return nil
}

func linkWASIModule(ctx context.Context, r wazero.Runtime, guest wazero.CompiledModule, module string) error {
	builder, table, used := r.NewHostModuleBuilder(module), wasiCalls(), map[string]bool{}
	for _, def := range guest.ImportedFunctions() {
		from, name, _ := def.Import()
		if from != module || used[name] {
			continue
		}
		used[name] = true
		letters, ok := signatureLetters(def.ParamTypes())
		i := slices.IndexFunc(table, func(c wasiCall) bool { return c.name == name && c.params == letters })
		if !ok || i < 0 {
			return fmt.Errorf("the module imports %s from %s, which is not in WASI preview 1 as plugins may have it: "+
				"build for wasm32-wasip1", signature(name, def.ParamTypes(), def.ResultTypes()), module)
		}
		call, answers := table[i].call, len(def.ResultTypes()) == 1
		builder.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
			errno := call(instanceOf(ctx, mod), stack)
			if answers {
				stack[0] = uint64(errno)
			}
		}), def.ParamTypes(), def.ResultTypes()).Export(name)
	}
	if len(used) == 0 {
		return nil
	}
	_, err := builder.Instantiate(ctx)
	return err
}

func errnoOf(status abi.Status) uint32 {
	if status == abi.StatusOK {
		return wasiOK
	}
	return wasiFault
}

func (in *Instance) wasiArgsSizes(p params) uint32 { return in.wasiPair(p, 0, 0) }

func (in *Instance) wasiPair(p params, a, b uint32) uint32 {
	if status := in.putUint32(p.u32(0), a); status != abi.StatusOK {
		return wasiFault
	}
	return errnoOf(in.putUint32(p.u32(1), b))
}

func environment(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value+"\x00")
	}
	slices.Sort(list)
	return list
}

func (in *Instance) wasiEnvironSizes(p params) uint32 {
	size := 0
	for _, e := range in.env {
		size += len(e)
	}
	return in.wasiPair(p, uint32(len(in.env)), uint32(size))
}

func (in *Instance) wasiEnviron(p params) uint32 {
	pointers, at := p.u32(0), p.u32(1)
	for _, e := range in.env {
		if in.putUint32(pointers, at) != abi.StatusOK || !in.memory.WriteString(at, e) {
			return wasiFault
		}
		pointers, at = pointers+4, at+uint32(len(e))
	}
	return wasiOK
}

func (in *Instance) wasiClockRes(p params) uint32 {
	if p.u32(0) > 1 {
		return wasiNotSup
	}
	return errnoOf(in.putUint64(p.u32(1), 1))
}

// wasiClockTime never answers zero, which Go's runtime takes badly.
func (in *Instance) wasiClockTime(p params) uint32 {
	switch p.u32(0) {
	case 0:
		return errnoOf(in.putUint64(p.u32(2), uint64(in.host.Now().UnixNano())))
	case 1:
		return errnoOf(in.putUint64(p.u32(2), uint64(in.Age()+1)))
	}
	return wasiNotSup
}

func (in *Instance) wasiFdstat(p params) uint32 {
	if fd := p.u32(0); fd != 1 && fd != 2 {
		return wasiBadFD
	}
	const rightWrite = 64
	stat := make([]byte, 24)
	binary.LittleEndian.PutUint64(stat[8:], rightWrite)
	if !in.memory.Write(p.u32(1), stat) {
		return wasiFault
	}
	return wasiOK
}

func (in *Instance) wasiTell(p params) uint32 { return errnoOf(in.putUint64(p.u32(1), 0)) }

// wasiWrite logs what is written to standard output (info) and standard error (error), one message per call.
func (in *Instance) wasiWrite(p params, written uint32) uint32 {
	fd, iovs, count := p.u32(0), p.u32(1), p.u32(2)
	if fd != 1 && fd != 2 {
		return wasiBadFD
	}
	var message []byte
	for range min(count, 1024) {
		ptr, ok := in.memory.ReadUint32Le(iovs)
		size, ok2 := in.memory.ReadUint32Le(iovs + 4)
		if !ok || !ok2 {
			return wasiFault
		}
		part, ok := in.bytesAt(ptr, size)
		if !ok {
			return wasiFault
		}
		message = append(message, part...)
		iovs += 8
	}
	level := abi.LogInfo
	if fd == 2 {
		level = abi.LogError
	}
	if text := trimNewline(message); len(text) > 0 {
		in.logBytes(level, text)
	}
	return errnoOf(in.putUint32(written, uint32(len(message))))
}

func trimNewline(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return b[:n-1]
	}
	return b
}

// wasiPoll sleeps a little and reports no event: Go's runtime aborts on an error, and looks at the clock again.
func (in *Instance) wasiPoll(p params) uint32 {
	time.Sleep(in.pollTime(p.u32(0), p.u32(2)))
	return errnoOf(in.putUint32(p.u32(3), 0))
}

// pollTime reads the timeout of the first subscription, if it is a relative clock.
func (in *Instance) pollTime(subscription, count uint32) time.Duration {
	const tagAt, flagsAt, timeoutAt = 8, 40, 24
	view, ok := in.memory.Read(subscription, 48)
	if !ok || count == 0 || view[tagAt] != 0 || view[flagsAt]&1 != 0 {
		return 0
	}
	return time.Duration(min(binary.LittleEndian.Uint64(view[timeoutAt:]), uint64(maxPollSleep)))
}

func (in *Instance) wasiExit(p params) uint32 { panic(exitError(p.u32(0))) }

func (in *Instance) wasiRandom(p params) uint32 {
	if p.u32(1) > maxRandomBytes {
		return wasiInval
	}
	view, ok := in.bytesAt(p.u32(0), p.u32(1))
	if !ok {
		return wasiFault
	}
	_, _ = rand.Read(view) // never fails
	return wasiOK
}

// abort is AssemblyScript's env.abort(message, file, line, column) with UTF-16 strings: log, then trap.
func abort(ctx context.Context, mod api.Module, stack []uint64) {
	in := instanceOf(ctx, mod)
	p := params(stack)
	message := fmt.Sprintf("abort: %s at %s:%d:%d", in.assemblyScriptText(p.u32(0)), in.assemblyScriptText(p.u32(1)), p.u32(2), p.u32(3))
	in.logBytes(abi.LogCritical, []byte(message))
	panic(fmt.Errorf("the plugin aborted: %s", visible(message)))
}

// assemblyScriptText reads a string whose length in bytes stands before it.
func (in *Instance) assemblyScriptText(ptr uint32) string {
	size, ok := in.memory.ReadUint32Le(ptr - 4)
	if ptr < 4 || !ok || size > 1<<16 {
		return "?"
	}
	raw, ok := in.memory.Read(ptr, size)
	if !ok {
		return "?"
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}
