package conformance

func loading(s *suite) { s.pending("L", 19) }
