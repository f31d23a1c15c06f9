package guestmetrics

import (
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// exportedName is the guest's name as far as Prometheus takes it. Each kind has endings of its own, and a gauge gets one when
// its name ends as another kind's does: a name that two kinds share would take the whole page down, whoever chose it.
func exportedName(kind abi.MetricType, name string) string {
	clean := "loom_guest_" + sanitized(name)
	switch kind {
	case abi.MetricCounter:
		return strings.TrimSuffix(clean, "_total") + "_total"
	case abi.MetricHistogram:
		return clean + "_distribution"
	}
	for _, reserved := range []string{"_total", "_distribution", "_bucket", "_count", "_sum", "_info", "_value"} {
		if strings.HasSuffix(clean, reserved) {
			return clean + "_value"
		}
	}
	return clean
}

func sanitized(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, name)
}
