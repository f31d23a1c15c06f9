package http1_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a test leaves a goroutine: an idle connection has none.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
