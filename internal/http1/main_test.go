package http1_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/loom-gateway/loom/internal/leaktest"
)

// TestMain fails when a test leaves a goroutine: an idle connection has none.
func TestMain(m *testing.M) { goleak.VerifyTestMain(leaktest.Patient(m)) }
