package conformance

func headerMaps(s *suite) { s.pending("H", 38) }
