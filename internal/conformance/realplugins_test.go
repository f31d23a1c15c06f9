package conformance

func realPlugins(s *suite) {
	goPlugins(s)
	higressPlugins(s)
	assemblyScriptPlugins(s)
	for _, id := range []string{"Y-01", "Y-03", "Y-05", "Y-07", "Y-09", "Y-11", "Y-12", "Y-13"} {
		s.leftOut(id, 1, "to be written", "to be written")
	}
}
