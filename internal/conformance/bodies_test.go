package conformance

func bodies(s *suite) { s.pending("B", 32) }
