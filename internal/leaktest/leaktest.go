// Package leaktest is a test kit: it gives goroutines the time to end before goleak calls them leaked.
package leaktest

import (
	"time"

	"go.uber.org/goleak"
)

// patience is longer than anything stays by intent: net/http's server half a second with a connection that it closes, a plugin
// three with late requests, certmagic five with a lock. goleak itself waits for less than one.
const patience = 20 * time.Second

// Patient runs the tests, and then waits until no goroutine is left but those that the options name, or for 20 seconds. It is for
// goleak.VerifyTestMain, which gets the same options.
func Patient(m goleak.TestingM, options ...goleak.Option) goleak.TestingM { return patient{m, options} }

type patient struct {
	goleak.TestingM
	options []goleak.Option
}

// Run implements goleak.TestingM.
func (p patient) Run() int {
	code := p.TestingM.Run()
	for end := time.Now().Add(patience); code == 0 && time.Now().Before(end) && goleak.Find(p.options...) != nil; {
		time.Sleep(100 * time.Millisecond)
	}
	return code
}
