package proxywasm

// Profile names the host whose quirks a plugin was built for, where hosts differ.
type Profile string

// The profiles. Each quirk is a method of its own in the file of its section, named by what it does.
const (
	// ProfileLoom behaves as Envoy does, and forgives what Envoy refuses where nobody can have relied on the refusal.
	ProfileLoom Profile = ""
	// ProfileEnvoy refuses what Envoy refuses.
	ProfileEnvoy Profile = "envoy"
	// ProfileKong is Kong's ngx_wasm_module.
	ProfileKong Profile = "kong"
	// ProfileAPISIX is APISIX' wasm-nginx-module.
	ProfileAPISIX Profile = "apisix"
	// ProfileHigress is Higress' Envoy.
	ProfileHigress Profile = "higress"
	// ProfileGoogle is Google Cloud's Service Extensions.
	ProfileGoogle Profile = "google"
)

// Profiles lists the words of `profile`.
func Profiles() []string {
	return []string{
		string(ProfileEnvoy), string(ProfileKong), string(ProfileAPISIX), string(ProfileHigress), string(ProfileGoogle),
	}
}
