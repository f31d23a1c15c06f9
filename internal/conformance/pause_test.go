package conformance

func pauseAndContinue(s *suite) { s.pending("P", 21) }
