package conformance

func grpcCalls(s *suite) { s.pending("G", 12) }
