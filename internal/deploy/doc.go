// Package deploy tests what an operator installs: the container image, and the units, manifests, dashboards and alerts of
// examples/.
package deploy
