package conformance

// realPlugins: what authors have built, as far as a package registry has it. The rest is written anew on the same SDKs.
func realPlugins(s *suite) {
	rustPlugins(s)
	goPlugins(s)
	higressPlugins(s)
	assemblyScriptPlugins(s)
	s.leftOut("Y-03", 1, "The examples of tetratelabs' TinyGo SDK run",
		"no package registry has a TinyGo compiler; the checks of loading and WASI use guests of the shape that it builds, Y-04 one of the SDK")
	s.leftOut("Y-05", 2, "Kuadrant's wasm-shim asks for authorization over gRPC",
		"it is published as a repository and as container images only; pausing headers while bodies flow, and gRPC calls, have checks of their own")
	s.leftOut("Y-07", 1, "Google's samples give the results that they are tested for",
		"they are published as a repository only, in no package registry; the checks with the profile google cover where that host differs")
	s.leftOut("Y-09", 2, "APISIX's test plugins run",
		"they are built by TinyGo in APISIX's own test run and published nowhere; the checks with the profile apisix cover where that host differs")
	s.leftOut("Y-11", 2, "The example of the C++ SDK runs",
		"the SDK is published as a repository only, in no package registry; the probe and the plugins in C import the same hostcalls")
	s.leftOut("Y-12", 3, "The example of the Zig SDK runs", "no package registry has the SDK")
}
