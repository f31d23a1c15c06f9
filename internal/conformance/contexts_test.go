package conformance

func contexts(s *suite) { s.pending("C", 11) }
