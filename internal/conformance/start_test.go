package conformance

func startSequence(s *suite) { s.pending("S", 24) }
