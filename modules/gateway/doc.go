// Package gateway is the `loom` app: what all Loom handlers of one config share, and what outlives the config.
package gateway
