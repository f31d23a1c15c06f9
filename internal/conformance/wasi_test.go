package conformance

func wasi(s *suite) { s.pending("W", 9) }
