package balance

// Random draws endpoints by chance, each with its weight's share.
type Random struct{ *field }

// NewRandom returns the policy over the endpoints.
func NewRandom(endpoints []Endpoint) *Random { return &Random{newField(endpoints)} }

// Pick implements Picker.
func (r *Random) Pick(_ uint64, excluded Excluder) int { return r.drawAllowed(r.now.Load(), excluded) }

// Done implements Picker.
func (*Random) Done(int) {}
