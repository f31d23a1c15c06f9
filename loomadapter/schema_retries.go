package loomadapter

// Retries are requests that failed and are sent again.
type Retries struct {
	Pos           Pos        `yaml:"-"`
	Enabled       *bool      `yaml:"enabled" doc:"Default: true, when the section is there. false on a route switches off what its upstream says."`
	Attempts      int        `yaml:"attempts" doc:"Most tries after the first, 1 to 20. Default: 2."`
	On            StringList `yaml:"on" doc:"Failures that are worth another try: connect-failure, reset, timeout (of per_try_timeout), statuses such as 503, 502-504 or 5xx, and codes of gRPC in the header of a response: cancelled, deadline-exceeded, internal, resource-exhausted, unavailable. Default: connect-failure, reset, timeout, 502-504."`
	PerTryTimeout Duration   `yaml:"per_try_timeout" doc:"Longest time of one try until the head of its response. Default: no limit but the route's."`
	Methods       StringList `yaml:"methods" doc:"Methods that may be sent again after a backend may have seen the request. Default: GET, HEAD, OPTIONS, TRACE, PUT, DELETE."`
	BodyLimit     Size       `yaml:"body_limit" doc:"Longest body that is kept to be sent again, 64MiB at most. Default: 64KiB."`
	Backoff       *Backoff   `yaml:"backoff" doc:"Wait before a try."`
}

func (*Retries) section() {}

// Backoff is a wait by chance.
type Backoff struct {
	Pos  Pos      `yaml:"-"`
	Base Duration `yaml:"base" doc:"Bound of the first wait; it doubles with each try. Default: 25ms."`
	Max  Duration `yaml:"max" doc:"Longest bound. Default: ten times base."`
}

// RetryBudget bounds the retries of all routes to an upstream.
type RetryBudget struct {
	Pos          Pos      `yaml:"-"`
	Percent      int      `yaml:"percent" doc:"How many percent of the requests within window may be retries, 1 to 100. Default: 20."`
	Window       Duration `yaml:"window" doc:"Window of percent, 1s to 1h. Default: 10s."`
	MinPerSecond int      `yaml:"min_per_second" doc:"Retries that are allowed in any case, over the whole window; -1 is none. Default: 10."`
}
