package conformance

func httpCalls(s *suite) { s.pending("O", 24) }
