// Package ratelimit decides which requests are over a rate: GCRA, counted in this process or in a Redis that gateways share.
//
// GCRA, the generic cell rate algorithm, is a token bucket that is stored as one number: the time at which the bucket is full
// again. A request moves it on by the interval of the rate, and is refused if it would then lie further ahead than a whole
// bucket takes to fill.
//
//	               full again                 an empty bucket
//	now ──────────────▼──────────────────────────────▼────▶ time
//	     what is used │ each request moves it by per/rate
package ratelimit
