package conformance

func localResponses(s *suite) { s.pending("R", 18) }
