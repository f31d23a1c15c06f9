package filterstate

import "strconv"

// Verdict is what a plugin has made of a request that it did not just let pass.
type Verdict struct {
	Plugin  string
	Outcome Outcome
	// Status that it answered with; 0 for other outcomes.
	Status int
}

// Outcome of a plugin.
type Outcome string

// The outcomes of plugins.
const (
	Answered Outcome = "answered" // by itself
	Closed   Outcome = "closed"   // the stream
	Failed   Outcome = "failed"   // and the request with it
	Skipped  Outcome = "skipped"  // it has failed, and the request went on without it
)

// String is the verdict for people, such as `key-auth answered 401`.
func (v Verdict) String() string {
	text := v.Plugin + " " + string(v.Outcome)
	if v.Status != 0 {
		text += " " + strconv.Itoa(v.Status)
	}
	return text
}

// Judge keeps the verdict of a plugin.
func (s *State) Judge(v Verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verdicts = append(s.verdicts, v)
}

// Verdicts are those of all plugins, in the order in which they came.
func (s *State) Verdicts() []Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.verdicts[:len(s.verdicts):len(s.verdicts)]
}
