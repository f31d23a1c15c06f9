package conformance

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/internal/plugin"
)

// compiled is where all checks keep compiled code, so that each module is compiled once.
var compiled *plugin.Code

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "loom-conformance-")
	if err != nil {
		panic(err)
	}
	if compiled, err = plugin.NewCode(folder); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(leaktest.Patient(m), goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(folder)
		os.Exit(status)
	}))
}

// TestConformance runs all statements in the order of the ABI's chapters.
func TestConformance(t *testing.T) {
	s := &suite{}
	s.section(t, "Loading and linking", "L", 19, loading)
	s.section(t, "Start sequence", "S", 24, startSequence)
	s.section(t, "Memory protocol", "M", 17, memoryProtocol)
	s.section(t, "Contexts", "C", 11, contexts)
	s.section(t, "Header maps", "H", 38, headerMaps)
	s.section(t, "Bodies", "B", 32, bodies)
	s.section(t, "Trailers", "T", 7, trailers)
	s.section(t, "Pause and continue", "P", 21, pauseAndContinue)
	s.section(t, "Local responses", "R", 18, localResponses)
	s.section(t, "End of stream", "E", 13, endOfStream)
	s.section(t, "HTTP calls", "O", 24, httpCalls)
	s.section(t, "gRPC calls", "G", 12, grpcCalls)
	s.section(t, "Shared data and queues", "D", 16, sharedDataAndQueues)
	s.section(t, "Metrics timers logging time", "X", 21, metricsTimersLogging)
	s.section(t, "Properties", "A", 27, properties)
	s.section(t, "Foreign functions", "F", 6, foreignFunctions)
	s.section(t, "WASI", "W", 9, wasi)
	s.section(t, "Failure limits security", "V", 20, failureAndLimits)
	s.section(t, "Real plugins", "Y", 13, realPlugins)
	s.report(t)
}
