package conformance

func metricsTimersLogging(s *suite) { s.pending("X", 21) }
