package conformance

func realPlugins(s *suite) { s.pending("Y", 13) }
