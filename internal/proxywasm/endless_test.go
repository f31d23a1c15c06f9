package proxywasm

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// endless starts testdata/endless.wat, which does something without end at some place, and returns what ended it.
func endless(t *testing.T, what, where int) error {
	t.Helper()
	code, err := os.ReadFile("testdata/endless.wasm")
	if err != nil {
		t.Fatal(err)
	}
	ctx, short := context.Background(), 50*time.Millisecond
	m, err := Compile(ctx, code, Options{Name: "endless", Limits: Limits{CallTimeout: short, StartTimeout: short}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(ctx) })
	in, err := m.NewInstance(ctx, VMConfig{Configuration: strings.Repeat("x", where)}, Host{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(ctx) })
	died := make(chan error, 1)
	in.OnDeath(func(err error) { died <- err })
	pc, err := in.NewPluginContext(ctx, PluginConfig{Configuration: strings.Repeat("x", what)})
	if err != nil {
		return err
	}
	in.Start()
	if s, err := pc.NewStream(newExchange()); err == nil {
		s.RequestHeaders(0, true)
	}
	if where == inDone {
		pc.Close(ctx)
	}
	return <-died
}

// What guests may do without end, and where; the numbers are those of the text.
const (
	aLoop, aRecursion, aMutualRecursion, anIndirectRecursion, aSwitch, aFill, aLog, aSleep, manyCalls, random, noGrowth = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	inConfigure, inAllocator, inTick, inContextCreate, inRequestHeaders, inDone                                         = 1, 2, 3, 4, 5, 6
)

func TestEverythingEndlessEnds(t *testing.T) {
	for name, what := range map[string]int{
		"a loop": aLoop, "a switch": aSwitch, "a loop of memory.fill": aFill, "a loop of memory.grow": noGrowth,
		"a loop over logging": aLog, "a loop over sleeping": aSleep, "a loop over random numbers": random,
		"calls that double with each level": manyCalls,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := endless(t, what, inRequestHeaders); !errors.Is(err, ErrOverdue) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// Recursion ends at the limit of the stack, or at that of time.
func TestRecursionEnds(t *testing.T) {
	for name, what := range map[string]int{
		"of one function": aRecursion, "of two": aMutualRecursion, "through a table": anIndirectRecursion,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := endless(t, what, inRequestHeaders); !errors.Is(err, ErrOverdue) && !strings.Contains(err.Error(), "stack overflow") {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestALoopEndsEverywhere(t *testing.T) {
	for name, where := range map[string]int{
		"proxy_on_configure": inConfigure, "proxy_on_tick": inTick, "proxy_on_context_create": inContextCreate,
		"proxy_on_request_headers": inRequestHeaders, "proxy_on_done": inDone,
		"malloc, called by proxy_get_buffer_bytes, called by proxy_on_configure": inAllocator,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := endless(t, aLoop, where)
			if !errors.Is(err, ErrOverdue) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// The start section runs while the module is instantiated, which the caller's context bounds as well.
func TestAStartSectionEnds(t *testing.T) {
	code, err := os.ReadFile("testdata/endless-start.wasm")
	if err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for want, ctx := range map[error]context.Context{ErrOverdue: context.Background(), context.Canceled: canceled} {
		limit := 50 * time.Millisecond
		if errors.Is(want, context.Canceled) {
			limit = time.Hour
		}
		m, err := Compile(context.Background(), code, Options{Name: "endless", Limits: Limits{StartTimeout: limit}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.NewInstance(ctx, VMConfig{}, Host{}); !errors.Is(err, want) {
			t.Errorf("it ended with %v, not with %v", err, want)
		}
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// The reason shows where the guest was, by the numbers that its functions have in its file.
func TestOverdueShowsTheStack(t *testing.T) {
	err := endless(t, aSwitch, inConfigure)
	if text := err.Error(); !strings.Contains(text, "stopped (in .$25(), called by .$32(), called by") || strings.Contains(text, "slice") {
		t.Errorf("the reason is %q", text)
	}
}
