package conformance

func trailers(s *suite) { s.pending("T", 7) }
