package proxywasm

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/loom-gateway/loom/internal/metering"
	"github.com/loom-gateway/loom/internal/wasmscreen"
)

// The time limit of guest code. The guest's own code asks the host from time to time whether it may go on (see metering), and each
// hostcall counts what the host does for it. So nothing has to look at an instance from outside, and a call costs no more than to write
// down until when it may run.

const (
	// hostWork is how much the host does for a guest before it looks at the clock: a hostcall counts 1, and what it copies as much again
	// for each 4 KiB.
	hostWork  = 64
	workShift = 12

	// unlimited is the time of a trusted plugin: 146 years.
	unlimited = time.Duration(1) << 62
)

// rewrite looks at the shape of the module, so that what would take the compiler minutes is never compiled, and writes the
// questions into its code: both in one pass, which is most of what a plugin costs whose machine code is on disk.
func (m *Module) rewrite(code []byte) (metered []byte, err error) {
	if m.options.Trusted {
		m.options.Limits.CallTimeout, m.options.Limits.StartTimeout = unlimited, unlimited
		_, err = wasmscreen.Screen(code, m.options.Limits.Shape)
		return code, err
	}
	metered, m.metered, err = metering.Rewrite(code, m.options.Limits.Shape)
	return metered, err
}

// linkMetering answers the questions.
func (m *Module) linkMetering(ctx context.Context) error {
	if !m.metered {
		return nil
	}
	slice := func(ctx context.Context, mod api.Module, stack []uint64) {
		instanceOf(ctx, mod).look(ctx)
		stack[0] = metering.Slice
	}
	_, err := m.runtime.NewHostModuleBuilder(metering.Module).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(slice), nil, []api.ValueType{api.ValueTypeI32}).Export(metering.Function).Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("linking module %s: %w", metering.Module, err)
	}
	return nil
}

// imports are what the plugin's author has the module import.
func (m *Module) imports() []api.FunctionDefinition {
	all := m.compiled.ImportedFunctions()
	if m.metered {
		return all[:len(all)-1]
	}
	return all
}

// ownFrame is a line of a stack trace as it would be without metering: a function without a name is shown by its index. It is
// empty for what metering has added.
func (m *Module) ownFrame(line string) string {
	before, after, unnamed := strings.Cut(line, ".$")
	digits, types, ok := strings.Cut(after, "(")
	index, err := strconv.Atoi(digits)
	switch {
	case !m.metered:
		return line
	case strings.HasPrefix(line, metering.Module+"."+metering.Function+"("):
		return ""
	case !unnamed || !ok || err != nil || index < len(m.imports()):
		return line
	case index < len(m.imports())+metering.Added:
		return ""
	}
	return fmt.Sprintf("%s.$%d(%s", before, index-metering.Added, types)
}

// work counts what the host does for a guest.
func (in *Instance) work(n uint32) {
	if in.worked += n; in.worked > hostWork {
		in.look(in.ctx)
	}
}

// look ends the call that is under way when its time is over.
func (in *Instance) look(ctx context.Context) {
	in.worked = 0
	if time.Since(in.began) > in.deadline {
		panic(ErrOverdue)
	}
	if err := ctx.Err(); err != nil { // only a start section has a context that ends
		panic(err)
	}
}
