package main

import (
	"fmt"
	"io"
)

// helloPath is a route of configs/loom.yaml.
const helloPath = "/api/hello"

const hints = `
Loom listens on http://localhost:%[1]d and sends to a demo upstream on http://localhost:%[2]d. Try:

  # The upstream answers with what it saw. X-Plugin, in both directions, is the work of plugins/add-header (Go).
  curl -i http://localhost:%[1]d%[4]s

  # Three requests pass, then plugins/rate-limit (Rust) answers 429 and says when to come back.
  for i in 1 2 3 4 5 6; do curl -s -o /dev/null -w '%%{http_code}\n' http://localhost:%[1]d/limited/hello; done
  curl -i http://localhost:%[1]d/limited/hello

  # What no route takes is answered by the router: 404, and 405 with Allow.
  curl -i http://localhost:%[1]d/nowhere
  curl -i -X DELETE http://localhost:%[1]d/limited/hello

  # Metrics, and what is loaded.
  curl http://localhost:%[3]d/metrics
  curl http://localhost:%[3]d/plugins

The configuration is configs/loom.yaml. Ctrl-C stops both.
`

func printHints(out io.Writer, p ports) {
	fmt.Fprintf(out, hints, p.gateway, p.upstream, p.admin, helloPath)
}
