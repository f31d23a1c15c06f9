// Package nottinygc is empty: see the replace directive.
package nottinygc
