package plugin

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/proxywasm"
)

// A plugin that floods the log is neither blocked nor written down in full, and the log says how much is missing.
func TestALogFloodIsDroppedAndCounted(t *testing.T) {
	p, logs := open(t, Spec{
		Name: "probe", Code: probeSpec(t, "").Code, Instances: 1, RootID: "auth", VMID: "vm-1",
		Config: "request_headers: log 2 flood; log 2 flood; log 2 flood; log 2 flood; log 2 flood; log 2 flood; log 2 flood",
	})
	own := mustContext(t, p, p.Spec().Config)
	began := time.Now()
	rate := proxywasm.DefaultLimits().LogRate
	for range logBurst * rate / 4 {
		s, err := own.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		s.RequestHeaders(0, true)
		s.Finish()
	}
	most := (logBurst + int(time.Since(began).Seconds()+1)) * rate
	eventually(t, "the log says how many lines were dropped", func() bool { return dropped(logs) > 0 })
	if n := logs.FilterMessage("flood").Len(); n > most {
		t.Errorf("%d lines of the flood were written", n)
	}
	fields := logs.FilterMessage("flood").All()[0].ContextMap()
	if fields["plugin"] != "probe" || fields["root_id"] != "auth" || fields["vm_id"] != "vm-1" || fields["context"] == uint32(0) {
		t.Errorf("fields %v", fields)
	}
	own.Release()
	p.Close()
}

func dropped(logs *observer.ObservedLogs) (n int64) {
	for _, e := range logs.All() {
		if strings.Contains(e.Message, "lines were dropped") {
			n += e.ContextMap()["dropped"].(int64)
		}
	}
	return n
}
