package http1test

import "strings"

const ok = "HTTP/1.1 200 OK\r\n"

// lengths are answers framed by a length, or by the end of the connection.
func lengths() []Case {
	return []Case{
		{Name: "a length", Answer: ok + "Content-Length: 5\r\n\r\nhello", Want: "200 hello", Next: "same"},
		{Name: "no body", Answer: ok + "Content-Length: 0\r\n\r\n", Want: "200", Next: "same"},
		{Name: "the same length twice", Answer: ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", Want: "200 hello", Next: "same"},
		{Name: "two lengths", Answer: ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", Want: "refused"},
		{Name: "a list of lengths", Answer: ok + "Content-Length: 5, 5\r\n\r\nhello", Want: "refused"},
		{Name: "a signed length", Answer: ok + "Content-Length: +5\r\n\r\nhello", Want: "refused"},
		{Name: "a negative length", Answer: ok + "Content-Length: -5\r\n\r\nhello", Want: "refused"},
		{Name: "a hexadecimal length", Answer: ok + "Content-Length: 0x5\r\n\r\nhello", Want: "refused"},
		{Name: "an empty length", Answer: ok + "Content-Length:\r\n\r\nhello", Hangup: true, Want: "refused"},
		{Name: "a length beyond 63 bits", Answer: ok + "Content-Length: 9223372036854775808\r\n\r\nhello", Want: "refused"},
		{Name: "until the end", Answer: ok + "\r\nhello", Hangup: true, Want: "200 hello", Next: "new"},
		{Name: "HTTP/1.0 until the end", Answer: "HTTP/1.0 200 OK\r\n\r\nhello", Hangup: true, Want: "200 hello", Next: "new"},
		{Name: "HTTP/1.0 with a length", Answer: "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", Want: "200 hello", Next: "new"},
		{Name: "the connection is to be closed", Answer: ok + "Connection: close\r\nContent-Length: 5\r\n\r\nhello", Want: "200 hello", Next: "new"},
		{Name: "more than the length", Answer: ok + "Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", Want: "200 hello", Next: "new"},
		{Name: "a large body", Answer: ok + "Content-Length: 300000\r\n\r\n" + strings.Repeat("x", 300000), Want: "200 " + strings.Repeat("x", 300000), Next: "same"},
	}
}

// chunks are answers framed by chunks.
func chunks() []Case {
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	large := strings.Repeat("x", 0x12345)
	return []Case{
		{Name: "chunks", Answer: chunked + "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", Want: "200 hello", Next: "same"},
		{Name: "no chunk", Answer: chunked + "0\r\n\r\n", Want: "200", Next: "same"},
		{Name: "upper case and zeros in sizes", Answer: chunked + "000A\r\nhellohello\r\n00\r\n\r\n", Want: "200 hellohello", Next: "same"},
		{Name: "a large chunk", Answer: chunked + "12345\r\n" + large + "\r\n0\r\n\r\n", Want: "200 " + large, Next: "same"},
		{Name: "chunk extensions", Answer: chunked + "5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n", Want: "200 hello", Next: "same"},
		{Name: "a padded size", Answer: chunked + "5  \r\nhello\r\n0\r\n\r\n", Want: "200 hello", Next: "same"},
		{Name: "more than the last chunk", Answer: chunked + "5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Want: "200 hello", Next: "new"},
		{Name: "chunked in capitals", Answer: ok + "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Want: "200 hello", Next: "same"},
		{Name: "a size that is none", Answer: chunked + "5\r\nhello\r\nx\r\n", Want: "broken"},
		{Name: "a size with a sign", Answer: chunked + "+5\r\nhello\r\n0\r\n\r\n", Want: "broken"},
		{Name: "a size with 0x", Answer: chunked + "0x5\r\nhello\r\n0\r\n\r\n", Want: "broken"},
		{Name: "an empty size", Answer: chunked + "\r\nhello\r\n0\r\n\r\n", Want: "broken"},
		{Name: "a size beyond 64 bits", Answer: chunked + "10000000000000005\r\nhello\r\n0\r\n\r\n", Want: "broken"},
		{Name: "a size of 63 bits", Answer: chunked + "ffffffffffffffff\r\nhello", Hangup: true, Want: "broken"},
		{Name: "a chunk that is too long", Answer: chunked + "5\r\nhello!\r\n0\r\n\r\n", Want: "broken"},
		{Name: "a bare LF behind a size", Answer: chunked + "5\nhello\r\n0\r\n\r\n", Want: "broken"},
		{Name: "a bare LF behind a chunk", Answer: chunked + "5\r\nhello\n0\r\n\r\n", Want: "broken"},
		{Name: "a bare LF at the end", Answer: chunked + "5\r\nhello\r\n0\r\n\n", Hangup: true, Want: "broken"},
		{Name: "a size line without end", Answer: chunked + "5;" + strings.Repeat("x", 9000), Want: "broken"},
	}
}

// trailers stand behind the last chunk.
func trailers() []Case {
	const announced = ok + "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
	const silent = ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
	return []Case{
		{Name: "an announced trailer", Answer: announced + "X-Sum: 7\r\n\r\n", Want: "200 hello trailer X-Sum=7", Next: "same"},
		{Name: "a trailer out of the blue", Answer: silent + "X-Sum: 7\r\n\r\n", Want: "200 hello trailer X-Sum=7", Next: "same"},
		{Name: "an announced trailer that does not come", Answer: announced + "\r\n", Want: "200 hello trailer X-Sum=", Next: "same"},
		Case{
			Name: "a trailer that would frame", Answer: silent + "Content-Length: 9\r\nX-Sum: 7\r\n\r\n", Want: "200 hello trailer X-Sum=7", Next: "same",
		}.lenient("200 hello trailer Content-Length=9 X-Sum=7, next same", "net/http passes any trailer on"),
		{Name: "framing announced as a trailer", Answer: ok + "Trailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Want: "refused"},
		{Name: "NUL in a trailer", Answer: silent + "X-Sum: 7\x00\r\n\r\n", Want: "broken"},
		Case{Name: "a folded trailer", Answer: silent + "X-Sum: 7\r\n 8\r\n\r\n", Want: "broken"}.lenient("200 hello trailer X-Sum=7 8", "net/http unfolds"),
		Case{Name: "a bare LF in a trailer", Answer: silent + "X-Sum: 7\nX-Sum: 8\r\n\r\n", Want: "broken"}.lenient("200 hello trailer X-Sum=7|8", "net/http ends lines at LF"),
		{Name: "a trailer without end", Answer: silent + "X-Sum: 7\r\n", Hangup: true, Want: "broken"},
	}
}

// codings are transfer codings that two readers may take differently.
func codings() []Case {
	const body = "\r\n5\r\nhello\r\n0\r\n\r\n"
	return []Case{
		Case{Name: "a length and chunks", Answer: ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" + body, Want: "refused"}.lenient("200 hello", "net/http drops the length, as RFC 9112 permits"),
		Case{Name: "chunks and a length", Answer: ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + body, Want: "refused"}.lenient("200 hello", "net/http drops the length, as RFC 9112 permits"),
		{Name: "two codings", Answer: ok + "Transfer-Encoding: gzip, chunked\r\n" + body, Want: "refused"},
		{Name: "chunked twice", Answer: ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + body, Want: "refused"},
		{Name: "an unknown coding", Answer: ok + "Transfer-Encoding: xchunked\r\n" + body, Want: "refused"},
		{Name: "identity", Answer: ok + "Transfer-Encoding: identity\r\n" + body, Want: "refused"},
		{Name: "an empty coding", Answer: ok + "Transfer-Encoding:\r\n" + body, Hangup: true, Want: "refused"},
		Case{Name: "a coding in HTTP/1.0", Answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" + body, Hangup: true, Want: "refused"}.lenient("200 5\r\nhello\r\n0\r\n\r\n", "net/http ignores the coding"),
		{Name: "a coding with a vertical tab", Answer: ok + "Transfer-Encoding: \vchunked\r\n" + body, Want: "refused"},
	}
}
