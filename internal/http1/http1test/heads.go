package http1test

import "strings"

const empty = "Content-Length: 0\r\n\r\n"

// heads are status lines and what stands in their place.
func heads() []Case {
	return []Case{
		{Name: "no reason", Answer: "HTTP/1.1 200 \r\n" + empty, Want: "200"},
		{Name: "no reason and no space", Answer: "HTTP/1.1 200\r\n" + empty, Want: "200"},
		{Name: "an unusual status", Answer: "HTTP/1.1 799 ?\r\n" + empty, Want: "799"},
		{Name: "two digits", Answer: "HTTP/1.1 20 OK\r\n" + empty, Want: "refused"},
		{Name: "four digits", Answer: "HTTP/1.1 2000 OK\r\n" + empty, Want: "refused"},
		Case{Name: "a status below 100", Answer: "HTTP/1.1 099 OK\r\n" + empty, Want: "refused"}.lenient("99", "net/http takes any three digits").composed("refused", "net/http's server does not"),
		{Name: "a status that is no number", Answer: "HTTP/1.1 2x0 OK\r\n" + empty, Want: "refused"},
		Case{Name: "HTTP/2.0 in text", Answer: "HTTP/2.0 200 OK\r\n" + empty, Want: "refused"}.lenient("200", "net/http takes any version"),
		Case{Name: "HTTP/1.2", Answer: "HTTP/1.2 200 OK\r\n" + empty, Want: "refused"}.lenient("200", "net/http takes any version"),
		{Name: "no HTTP", Answer: "SSH-2.0-OpenSSH_9.2\r\n", Want: "refused"},
		{Name: "HTTP/0.9", Answer: "<html>hello</html>", Hangup: true, Want: "refused"},
		{Name: "an empty line before", Answer: "\r\n" + ok + empty, Want: "refused"},
		{Name: "a space before", Answer: " " + ok + empty, Want: "refused"},
		Case{Name: "NUL in the reason", Answer: "HTTP/1.1 200 O\x00K\r\n" + empty, Want: "refused"}.lenient("200", "net/http does not look at the reason"),
		{Name: "half a head", Answer: ok + "Content-Le", Hangup: true, Want: "refused"},
		{Name: "nothing", Hangup: true, Want: "refused"},
	}
}

// fields are lines of a head.
func fields() []Case {
	many := strings.Repeat("X-Many: 1\r\n", 2000)
	large := "X-Large: " + strings.Repeat("x", 2<<20) + "\r\n"
	long := strings.Repeat("y", 60<<10)
	return []Case{
		{Name: "no space behind the colon", Answer: ok + "X-Extra:1\r\n" + empty, Want: "200 extra 1"},
		{Name: "spaces around a value", Answer: ok + "X-Extra: \t 1 \t\r\n" + empty, Want: "200 extra 1"},
		{Name: "lower case", Answer: ok + "x-extra: 1\r\n" + empty, Want: "200 extra 1"},
		{Name: "the same field twice", Answer: ok + "X-Extra: 1\r\nX-extra: 2\r\n" + empty, Want: "200 extra 1|2"},
		{Name: "an empty value", Answer: ok + "X-Extra:\r\n" + empty, Want: "200 extra "},
		{Name: "bytes above ASCII", Answer: ok + "X-Extra: \xe9\r\n" + empty, Want: "200 extra \xe9"},
		{Name: "a head of 60 KiB", Answer: ok + "X-Extra: " + long + "\r\n" + empty, Want: "200 extra " + long, Next: "same"},
		Case{Name: "bare LF everywhere", Answer: "HTTP/1.1 200 OK\nContent-Length: 0\n\n", Want: "refused"}.lenient("200", "net/http ends lines at LF, as RFC 9112 permits"),
		Case{Name: "a bare LF in the head", Answer: ok + "X-Extra: 1\nX-Extra: 2\r\n" + empty, Want: "refused"}.lenient("200 extra 1|2", "net/http ends lines at LF, as RFC 9112 permits"),
		{Name: "a bare CR in a value", Answer: ok + "X-Extra: 1\rX-Extra: 2\r\n" + empty, Want: "refused"},
		{Name: "NUL in a value", Answer: ok + "X-Extra: 1\x00\r\n" + empty, Want: "refused"},
		Case{Name: "a folded field", Answer: ok + "X-Extra: 1\r\n 2\r\n" + empty, Want: "refused"}.lenient("200 extra 1 2", "net/http unfolds, as RFC 9112 permits"),
		{Name: "a folded first field", Answer: ok + " X-Extra: 1\r\n" + empty, Want: "refused"},
		Case{Name: "a space before the colon", Answer: ok + "X-Extra : 1\r\n" + empty, Want: "refused"}.lenient("200", "net/http takes the space for a part of the name"),
		{Name: "no colon", Answer: ok + "X-Extra\r\n" + empty, Want: "refused"},
		{Name: "no name", Answer: ok + ": 1\r\n" + empty, Want: "refused"},
		{Name: "NUL in a name", Answer: ok + "X-\x00: 1\r\n" + empty, Want: "refused"},
		Case{Name: "too many fields", Answer: ok + many + empty, Want: "refused"}.lenient("200", "net/http has no limit but that on bytes"),
		{Name: "a head that is too large", Answer: ok + large + empty, Want: "refused"},
		{Name: "a head without end", Answer: ok + strings.Repeat("x", 2<<20), Want: "refused"},
	}
}

// statuses are those that change what follows.
func statuses() []Case {
	return []Case{
		{Name: "early hints", Answer: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok + empty, Want: "200", Next: "same"},
		{Name: "100 that nobody asked for", Answer: "HTTP/1.1 100 Continue\r\n\r\n" + ok + empty, Want: "200", Next: "same"},
		{Name: "several informational ones", Answer: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 5) + ok + empty, Want: "200", Next: "same"},
		Case{Name: "informational ones without end", Answer: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100) + ok + empty, Want: "refused"}.lenient("200", "net/http counts bytes where somebody listens, and nothing else"),
		{Name: "an informational one with a body", Answer: "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + ok + empty, Want: "refused"},
		Case{Name: "a switch that nobody asked for", Answer: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", Hangup: true, Want: "refused"}.lenient("101", "net/http leaves it to the caller").composed("200", "reverse_proxy answers with nothing, which net/http makes 200"),
	}
}

// bodiless are answers that have no body whatever they say.
func bodiless() []Case {
	return []Case{
		{Name: "204", Answer: "HTTP/1.1 204 No Content\r\n\r\n", Want: "204", Next: "same"},
		{Name: "204 with a length of 0", Answer: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Want: "204", Next: "same"},
		{Name: "204 with a body", Answer: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", Want: "204", Next: "new"},
		{Name: "304 with a length", Answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Want: "304", Next: "same"},
		{Name: "HEAD", Method: "HEAD", Answer: ok + "Content-Length: 5\r\n\r\n", Want: "200", Next: "same"},
		{Name: "HEAD with chunks", Method: "HEAD", Answer: ok + "Transfer-Encoding: chunked\r\n\r\n", Want: "200", Next: "same"},
		{Name: "HEAD with a body", Method: "HEAD", Answer: ok + "Content-Length: 5\r\n\r\nhello", Want: "200", Next: "new"},
		{Name: "HEAD without a length", Method: "HEAD", Answer: ok + "\r\n", Want: "200", Next: "same"},
	}
}

// broken are answers that end before they are complete.
func broken() []Case {
	const chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
	return []Case{
		{Name: "a short body", Answer: ok + "Content-Length: 9\r\n\r\nhello", Hangup: true, Want: "broken", Next: "new"},
		{Name: "a short chunk", Answer: chunked + "9\r\nhello", Hangup: true, Want: "broken", Next: "new"},
		{Name: "no last chunk", Answer: chunked + "5\r\nhello\r\n", Hangup: true, Want: "broken", Next: "new"},
		{Name: "half a last chunk", Answer: chunked + "5\r\nhello\r\n0\r\n", Hangup: true, Want: "broken", Next: "new"},
		{Name: "no end of line behind a chunk", Answer: chunked + "5\r\nhello", Hangup: true, Want: "broken", Next: "new"},
	}
}
