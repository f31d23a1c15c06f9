package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLateReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lateReleases
		released := make(chan int, 2*mostLate)
		for i := range mostLate + 2 {
			l.release(func() { released <- i })
		}
		if first, second := <-released, <-released; first != 0 || second != 1 {
			t.Errorf("released at once: %d and %d", first, second)
		}
		time.Sleep(lateRequests - time.Millisecond)
		synctest.Wait()
		if n := len(released); n != 0 {
			t.Errorf("%d were released too early", n)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if n := len(released); n != mostLate {
			t.Errorf("%d were released in the end, want %d", n, mostLate)
		}
	})
}
