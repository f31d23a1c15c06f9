// Package datapath tests what passes between clients and backends: a gateway of a loom.yaml on real listeners, clients that
// speak HTTP/1.1, HTTP/2 and HTTP/3, with TLS and without, and backends on real sockets that behave and misbehave.
package datapath
