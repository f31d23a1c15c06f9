// Package listener makes reloads unnoticed by clients: the network `loomtcp` shares one listening socket between
// configurations, and the listener wrapper `loom_handover` moves open connections from one to the next.
package listener
