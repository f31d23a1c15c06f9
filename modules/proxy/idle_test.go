package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestIdle ends a stream when nothing has moved for the limit, and not before.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		ended := make(chan time.Duration, 1)
		i := watchIdle(time.Minute, func() { ended <- time.Since(begun) })
		for range 100 {
			time.Sleep(59 * time.Second)
			i.move()
		}
		if got, want := <-ended, 100*59*time.Second+time.Minute; got != want || !i.over.Load() {
			t.Errorf("it ended after %s, want %s", got, want)
		}
	})
}
