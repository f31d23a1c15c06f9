package conformance

func foreignFunctions(s *suite) { s.pending("F", 6) }
