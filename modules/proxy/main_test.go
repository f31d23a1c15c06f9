package proxy_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a test leaves a goroutine: each connection has two.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
