package wsframe

// Follower knows where the frames begin in a stream that it is shown. The zero value is at the beginning of one.
type Follower struct {
	head [maxHeader]byte
	have int
	left uint64
}

// AtBoundary reports whether a frame has ended, and no other has begun.
func (f *Follower) AtBoundary() bool { return f.have == 0 && f.left == 0 }

// Pass follows all of the data.
func (f *Follower) Pass(data []byte) {
	for len(data) > 0 {
		data = data[f.Next(data):]
	}
}

// Next follows the data up to the end of a frame, and returns how much that is.
func (f *Follower) Next(data []byte) (n int) {
	for n < len(data) {
		if f.left > 0 {
			skip := min(f.left, uint64(len(data)-n))
			f.left -= skip
			n += int(skip)
		} else {
			f.head[f.have] = data[n]
			f.have++
			n++
			if f.have < 2 || f.have < headerSize(f.head[0], f.head[1]) {
				continue
			}
			f.left = parseHeader(f.head[:f.have]).length
			f.have = 0
		}
		if f.AtBoundary() {
			return n
		}
	}
	return n
}
