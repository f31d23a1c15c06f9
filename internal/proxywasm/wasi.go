package proxywasm

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "WASI": the part of preview 1 that a plugin may have, under both names in use. There are no files, no
// sockets and no arguments; standard output and error go to the plugin's log. wazero's own WASI closes the module on
// proc_exit and sleeps in poll_oneoff, so it is not used. The answers are those of Envoy's host.

// The errors of WASI preview 1 that are answered here.
const (
	wasiOK         = 0
	wasiBadFD      = 8
	wasiExists     = 20
	wasiFault      = 21
	wasiInval      = 28
	wasiNoEntry    = 44
	wasiNoSys      = 52
	wasiNotSup     = 58
	wasiNotCapable = 76
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

// forOutput answers for standard output and error, and that there is no other file.
func forOutput(errno uint32) func(*Instance, params) uint32 {
	return func(_ *Instance, p params) uint32 {
		if fd := p.u32(0); fd != 1 && fd != 2 {
			return wasiBadFD
		}
		return errno
	}
}

func wasiCalls() []wasiCall {
	badFD, notSup, nothing := answering(wasiBadFD), answering(wasiNotSup), forOutput(wasiOK)
	return []wasiCall{
		{"args_get", "ii", answering(wasiOK)},
		{"args_sizes_get", "ii", (*Instance).wasiArgsSizes},
		{"environ_get", "ii", (*Instance).wasiEnviron},
		{"environ_sizes_get", "ii", (*Instance).wasiEnvironSizes},
		{"clock_res_get", "ii", (*Instance).wasiClockRes},
		{"clock_time_get", "iIi", (*Instance).wasiClockTime},
		{"fd_advise", "iIIi", answering(wasiOK)},
		{"fd_allocate", "iII", nothing},
		{"fd_close", "i", answering(wasiOK)},
		{"fd_datasync", "i", nothing},
		{"fd_fdstat_get", "ii", (*Instance).wasiFdstat},
		{"fd_fdstat_set_flags", "ii", answering(wasiNoSys)},
		{"fd_fdstat_set_rights", "iII", nothing},
		{"fd_filestat_get", "ii", badFD},
		{"fd_filestat_set_size", "iI", nothing},
		{"fd_filestat_set_times", "iIIi", nothing},
		{"fd_pread", "iiiIi", answering(wasiNoSys)},
		{"fd_prestat_get", "ii", badFD},
		{"fd_prestat_dir_name", "iii", answering(wasiNoSys)},
		{"fd_pwrite", "iiiIi", func(in *Instance, p params) uint32 { return in.wasiWrite(p[0:3], p.u32(4)) }},
		{"fd_read", "iiii", answering(wasiNoSys)},
		{"fd_readdir", "iiiIi", (*Instance).wasiReadDir},
		{"fd_renumber", "ii", forOutput(wasiNotSup)},
		{"fd_seek", "iIii", answering(wasiOK)},
		{"fd_sync", "i", nothing},
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

// resolveWASI finds the function of an import, or what its author can do about it.
func (m *Module) resolveWASI(name string, def api.FunctionDefinition) (fn api.GoModuleFunction, advice string) {
	letters, ok := signatureLetters(def.ParamTypes())
	table := wasiCalls()
	i := slices.IndexFunc(table, func(c wasiCall) bool { return c.name == name && c.params == letters })
	results := def.ResultTypes()
	answers := len(results) == 1 && results[0] == api.ValueTypeI32
	if !ok || i < 0 || !(answers || (name == "proc_exit" && len(results) == 0)) {
		return nil, "build it for WASI preview 1 (wasm32-wasip1), which has no such function"
	}
	call := table[i].call
	if !m.permits(name) {
		call = (*Instance).wasiDenied
	}
	return api.GoModuleFunc(func(ctx context.Context, mod api.Module, stack []uint64) {
		in := instanceOf(ctx, mod)
		in.work(1)
		errno := call(in, stack)
		if answers {
			stack[0] = uint64(errno)
		}
	}), ""
}

func errnoOf(status abi.Status) uint32 {
	if status == abi.StatusOK {
		return wasiOK
	}
	return wasiFault
}

func (in *Instance) wasiExit(p params) uint32 { panic(exitError(p.u32(0))) }

// wasiRandom fills a buffer. Envoy's host refuses more than 64 KiB; there is no harm in some more.
func (in *Instance) wasiRandom(p params) uint32 {
	if p.u32(1) > maxRandomBytes {
		in.hit(LimitRandom)
		return wasiInval
	}
	view, ok := in.bytesAt(p.u32(0), p.u32(1))
	if !ok {
		return wasiFault
	}
	_, _ = rand.Read(view) // never fails
	return wasiOK
}
