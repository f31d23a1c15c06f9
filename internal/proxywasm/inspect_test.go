package proxywasm

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Compiling has a time limit for those who only look, too; what goes on then ends by itself.
func TestInspectTakesNoLongerThanItMay(t *testing.T) {
	code, err := os.ReadFile("../../plugins/jwt-auth/jwt-auth.wasm")
	if err != nil {
		t.Fatal(err)
	}
	info, err := Inspect(t.Context(), code, Options{Limits: Limits{CompileTimeout: time.Nanosecond}})
	if err == nil || !strings.Contains(err.Error(), "limits.compile_timeout") || info.Size != len(code) {
		t.Errorf("%+v, %v", info, err)
	}
	if info, err = Inspect(t.Context(), code, Options{}); err != nil || len(info.Exports) == 0 {
		t.Errorf("%+v, %v", info, err)
	}
}
