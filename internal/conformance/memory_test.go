package conformance

func memoryProtocol(s *suite) { s.pending("M", 17) }
