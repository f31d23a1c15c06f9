package recovery

import (
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/modules/gateway"
)

// Handler is http.handlers.loom_recovery: a panic of what is behind it costs one request. It has no options.
type Handler struct {
	app *gateway.App
	log *zap.Logger
}
