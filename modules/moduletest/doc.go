// Package moduletest runs Caddy modules in tests: a config from JSON, provisioned for real, without the admin endpoint
// and without ports unless a test asks for one.
//
//	c := moduletest.Provision(t, moduletest.HTTP(`{"upstreams": {…}}`, `{"handler": "loom_proxy", "upstream": "backend"}`))
//	res := c.Serve(httptest.NewRequest("GET", "/users", nil)) // through Caddy's own compiled chain, no network
//	c.Start()                                                 // now on a real listener
//	res, err := http.Get(c.URL("") + "/users")
//
// Everything is cleaned up when the test ends. Tests may run in parallel: no state of the process is touched except
// Caddy's default logger, and provisioning takes turns. It is not for tests of reloads: caddy.Load has one config for
// the whole process.
package moduletest
