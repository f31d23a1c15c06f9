package conformance

func sharedDataAndQueues(s *suite) { s.pending("D", 16) }
