package contextwatch

import (
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// module exports two functions: "loop", which never returns, and "nop".
const module = "\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" + // type 0: () -> ()
	"\x03\x03\x02\x00\x00" + // two functions of it
	"\x07\x0e\x02\x04loop\x00\x00\x03nop\x00\x01" +
	"\x0a\x0c\x02\x07\x00\x03\x40\x0c\x00\x0b\x0b\x02\x00\x0b"

func instantiate(t *testing.T, c wazero.RuntimeConfig) api.Module {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, c.WithCloseOnContextDone(true))
	t.Cleanup(func() { _ = r.Close(ctx) })
	guest, err := r.Instantiate(ctx, []byte(module))
	if err != nil {
		t.Fatal(err)
	}
	return guest
}

func TestDrop(t *testing.T) {
	guest := instantiate(t, wazero.NewRuntimeConfigCompiler())
	nop := guest.ExportedFunction("nop")
	call := func() {
		if err := nop.CallWithStack(context.Background(), nil); err != nil {
			t.Error(err)
		}
	}
	if n := testing.AllocsPerRun(100, call); n == 0 {
		t.Error("wazero starts no goroutine any more: this package has no use")
	}
	if !Drop(guest) {
		t.Fatal("wazero has changed, and a call into a guest costs a goroutine again")
	}
	if n := testing.AllocsPerRun(100, call); n != 0 {
		t.Errorf("a call allocates %v times", n)
	}
}

// The checks are still in the code: closing the module stops it.
func TestClosedModuleStops(t *testing.T) {
	guest := instantiate(t, wazero.NewRuntimeConfigCompiler())
	if !Drop(guest) {
		t.Fatal("nothing was dropped")
	}
	ended := make(chan error)
	go func() { ended <- guest.ExportedFunction("loop").CallWithStack(context.Background(), nil) }()
	if err := guest.CloseWithExitCode(context.Background(), sys.ExitCodeDeadlineExceeded); err != nil {
		t.Error(err)
	}
	exit := (*sys.ExitError)(nil)
	if err := <-ended; !errors.As(err, &exit) || exit.ExitCode() != sys.ExitCodeDeadlineExceeded {
		t.Errorf("the loop ended with %v", err)
	}
}

// One instance does not speak for the others of its module.
func TestDropIsForOneInstance(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true))
	t.Cleanup(func() { _ = r.Close(ctx) })
	compiled, err := r.CompileModule(ctx, []byte(module))
	if err != nil {
		t.Fatal(err)
	}
	first, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil || !Drop(first) {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := second.ExportedFunction("nop").CallWithStack(ended, nil); err == nil {
		t.Error("the other instance ignores the end of its context")
	}
}

func TestInterpreterIsLeftAlone(t *testing.T) {
	if guest := instantiate(t, wazero.NewRuntimeConfigInterpreter()); Drop(guest) {
		t.Error("something was changed in the interpreter")
	}
}
