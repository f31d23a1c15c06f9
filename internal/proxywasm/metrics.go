package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Metrics".

func (in *Instance) defineMetric(p params) abi.Status {
	var name []byte
	if status := in.inputs(p, 1, &name); status != abi.StatusOK {
		return status
	}
	if status := in.places(p, 3); status != abi.StatusOK {
		return status
	}
	kind := abi.MetricType(p.u32(0))
	if kind > abi.MetricHistogram {
		return abi.StatusBadArgument
	}
	id, status := in.host.Metrics.Define(kind, string(name))
	if status != abi.StatusOK {
		return status
	}
	return in.putUint32(p.u32(3), id)
}

func (in *Instance) incrementMetric(p params) abi.Status {
	return in.host.Metrics.Increment(p.u32(0), p.i64(1))
}

func (in *Instance) recordMetric(p params) abi.Status {
	return in.host.Metrics.Record(p.u32(0), uint64(p.i64(1)))
}

func (in *Instance) getMetric(p params) abi.Status {
	value, status := in.host.Metrics.Get(p.u32(0))
	if status != abi.StatusOK {
		return status
	}
	return in.putUint64(p.u32(1), value)
}
