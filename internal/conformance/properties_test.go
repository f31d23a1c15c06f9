package conformance

func properties(s *suite) { s.pending("A", 27) }
