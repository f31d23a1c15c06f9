package upstream_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-gateway/loom/internal/leaktest"
)

// TestMain fails when a test leaves a goroutine: each connection has two.
func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }
