package conformance

func goPlugins(s *suite) {
	s.leftOut("Y-02", 1, "to be written", "to be written")
	s.leftOut("Y-04", 1, "coraza-proxy-wasm blocks by header, by request body and by response header", "to be written")
	s.leftOut("Y-08", 1, "Kong's sample filters run (echo, rate limiting)", "to be written")
}
