package proxywasm

import (
	"errors"
	"time"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// absent answers for the capabilities that an embedder does not give.
type absent struct{}

var errAbsent = errors.New("this gateway does not offer such calls")

// orDefaults fills in what the embedder left out.
func (h Host) orDefaults() Host {
	if h.Log == nil {
		h.Log = absent{}
	}
	if h.Shared == nil {
		h.Shared = absentData{}
	}
	if h.Queues == nil {
		h.Queues = absent{}
	}
	if h.Metrics == nil {
		h.Metrics = absentMetrics{}
	}
	if h.HTTP == nil {
		h.HTTP = absent{}
	}
	if h.GRPC == nil {
		h.GRPC = absent{}
	}
	if h.Redis == nil {
		h.Redis = absent{}
	}
	if h.Foreign == nil {
		h.Foreign = absent{}
	}
	if h.Now == nil {
		h.Now = time.Now
	}
	return h
}

func (absent) Enabled(abi.LogLevel) bool                     { return false }
func (absent) Log(abi.LogLevel, string, LogOrigin)           {}
func (absent) Refused(Refusal)                               {}
func (absent) Register(string, QueueListener) (uint32, bool) { return 0, false }
func (absent) Remind(QueueListener)                          {}
func (absent) Leave(QueueListener)                           {}
func (absent) Resolve(string, string) (uint32, bool)         { return 0, false }
func (absent) Enqueue(uint32, []byte) abi.Status             { return abi.StatusNotFound }
func (absent) Dequeue(uint32) ([]byte, abi.Status)           { return nil, abi.StatusNotFound }
func (absent) InitRedis(RedisService) error                  { return errAbsent }
func (absent) CallHTTP(HTTPCall, func(HTTPCallResult)) (func(), error) {
	return nil, errAbsent
}
func (absent) CallGRPC(GRPCCall, func(GRPCResult)) (func(), error)  { return nil, errAbsent }
func (absent) StreamGRPC(GRPCCall, GRPCHandler) (GRPCStream, error) { return nil, errAbsent }
func (absent) CallRedis(string, []byte, func(RedisResult)) (func(), error) {
	return nil, errAbsent
}

func (absent) Call(ForeignCall) ([]byte, abi.Status) { return nil, abi.StatusNotFound }

type absentData struct{}

func (absentData) Get(string) ([]byte, uint32, bool)      { return nil, 0, false }
func (absentData) Swap(string, []byte, uint32) abi.Status { return abi.StatusInternalFailure }
func (absentData) Set(string, []byte, uint32) abi.Status  { return abi.StatusInternalFailure }

// absentMetrics lets a guest define and count, so that it runs, and remembers nothing.
type absentMetrics struct{}

func (absentMetrics) Define(abi.MetricType, string) (uint32, abi.Status) { return 1, abi.StatusOK }
func (absentMetrics) Increment(uint32, int64) abi.Status                 { return abi.StatusOK }
func (absentMetrics) Record(uint32, uint64) abi.Status                   { return abi.StatusOK }
func (absentMetrics) Get(uint32) (uint64, abi.Status)                    { return 0, abi.StatusOK }

// Interface guards
var (
	_ Logger      = absent{}
	_ Queues      = absent{}
	_ HTTPCaller  = absent{}
	_ GRPCCaller  = absent{}
	_ RedisCaller = absent{}
	_ Foreign     = absent{}
	_ SharedData  = absentData{}
	_ Metrics     = absentMetrics{}
)
