package conformance

func failureAndLimits(s *suite) { s.pending("V", 20) }
