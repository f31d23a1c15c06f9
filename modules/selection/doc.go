// Package selection is http.reverse_proxy.selection_policies.loom_*: Loom's balancing for those who keep Caddy's
// reverse_proxy.
//
// Caddy asks a policy which upstream to take, and never tells it what became of the request. So the policies that
// look at load count from the pick until the client's request has ended, within one handler and one config.
package selection
