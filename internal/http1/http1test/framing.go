package http1test

import "strings"

const ok = "HTTP/1.1 200 OK\r\n"

// lengths are answers framed by a length, or by the end of the connection.
func lengths() []Case {
	refused := func(name, length string) Case {
		return Case{Name: name, Answer: ok + length + "\r\n\r\nhello", Hangup: true, Want: "refused"}
	}
	return []Case{
		{Name: "a length", Answer: ok + "Content-Length: 5\r\n\r\nhello", Want: "200 hello", Next: "same"},
		{Name: "no body", Answer: ok + "Content-Length: 0\r\n\r\n", Want: "200", Next: "same"},
		{Name: "the same length twice", Answer: ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", Want: "200 hello", Next: "same"},
		refused("two lengths", "Content-Length: 5\r\nContent-Length: 6"),
		refused("a list of lengths", "Content-Length: 5, 5"),
		refused("a signed length", "Content-Length: +5"),
		refused("a negative length", "Content-Length: -5"),
		refused("a hexadecimal length", "Content-Length: 0x5"),
		refused("an empty length", "Content-Length:"),
		refused("a length beyond 63 bits", "Content-Length: 9223372036854775808"),
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
	whole := func(name, chunks, body string) Case {
		return Case{Name: name, Answer: chunked + chunks, Want: strings.TrimSpace("200 " + body), Next: "same"}
	}
	broken := func(name, chunks string) Case { return Case{Name: name, Answer: chunked + chunks, Want: "broken"} }
	large := strings.Repeat("x", 0x12345)
	return []Case{
		whole("chunks", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"),
		whole("no chunk", "0\r\n\r\n", ""),
		whole("upper case and zeros in sizes", "000A\r\nhellohello\r\n00\r\n\r\n", "hellohello"),
		whole("a large chunk", "12345\r\n"+large+"\r\n0\r\n\r\n", large),
		whole("chunk extensions", "5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n", "hello"),
		whole("a padded size", "5  \r\nhello\r\n0\r\n\r\n", "hello"),
		{Name: "more than the last chunk", Answer: chunked + "5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Want: "200 hello", Next: "new"},
		{Name: "chunked in capitals", Answer: ok + "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Want: "200 hello", Next: "same"},
		broken("a size that is none", "5\r\nhello\r\nx\r\n"),
		broken("a size with a sign", "+5\r\nhello\r\n0\r\n\r\n"),
		broken("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
		broken("an empty size", "\r\nhello\r\n0\r\n\r\n"),
		broken("a size beyond 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
		{Name: "a size of 63 bits", Answer: chunked + "ffffffffffffffff\r\nhello", Hangup: true, Want: "broken"},
		broken("a chunk that is too long", "5\r\nhello!\r\n0\r\n\r\n"),
		broken("a bare LF behind a size", "5\nhello\r\n0\r\n\r\n"),
		broken("a bare LF behind a chunk", "5\r\nhello\n0\r\n\r\n"),
		{Name: "a bare LF at the end", Answer: chunked + "5\r\nhello\r\n0\r\n\n", Hangup: true, Want: "broken"},
		broken("a size line without end", "5;"+strings.Repeat("x", 9000)),
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
