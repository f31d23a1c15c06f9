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
		return in.refuse(abi.StatusBadArgument, "the type is none of counter (0), gauge (1) and histogram (2)")
	}
	if len(name) > maxMetricName {
		in.hit(LimitMetrics)
		in.omit("the name of the metric is too long; it is counted nowhere")
		return in.putUint32(p.u32(3), 0)
	}
	id, status := in.host.Metrics.Define(kind, string(name))
	if status != abi.StatusOK {
		return status
	}
	if id == 0 {
		in.hit(LimitMetrics)
		in.omit("the plugin has defined as many metrics as it may; this one is counted nowhere")
	}
	return in.putUint32(p.u32(3), id)
}

func (in *Instance) incrementMetric(p params) abi.Status {
	return in.metricStatus(in.host.Metrics.Increment(p.u32(0), p.i64(1)))
}

func (in *Instance) recordMetric(p params) abi.Status {
	return in.metricStatus(in.host.Metrics.Record(p.u32(0), uint64(p.i64(1))))
}

func (in *Instance) getMetric(p params) abi.Status {
	value, status := in.host.Metrics.Get(p.u32(0))
	if status != abi.StatusOK {
		return in.metricStatus(status)
	}
	return in.putUint64(p.u32(1), value)
}

// metricStatus gives the reason of a status of the embedder.
func (in *Instance) metricStatus(status abi.Status) abi.Status {
	switch status {
	case abi.StatusNotFound:
		return in.refuse(status, "no metric has this id: define it with proxy_define_metric first")
	case abi.StatusBadArgument:
		return in.refuse(status, "metrics of this type cannot do that: counters only grow, histograms only record")
	}
	return status
}
