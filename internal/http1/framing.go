package http1

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// framing is how the end of a response is known.
type framing struct {
	length  int64 // -1: when the connection closes, or chunked
	chunked bool
	close   bool // the connection serves no further request
	trailer http.Header
}

// frame reads the framing of a final response out of its header, and takes out of the header what net/http does.
func frame(s statusLine, header http.Header, method string) (f framing, err error) {
	f = framing{length: -1, close: s.minor == 0 || hasToken(header["Connection"], "close")}
	lengths, coded := header["Content-Length"], header["Transfer-Encoding"]
	if len(coded) > 0 {
		if err := checkCoding(s, coded, lengths); err != nil {
			return f, err
		}
		f.chunked = true
		delete(header, "Transfer-Encoding")
		if f.trailer, err = announced(header); err != nil {
			return f, err
		}
	}
	if len(lengths) > 0 {
		if f.length, err = parseLength(lengths); err != nil {
			return f, err
		}
		if len(lengths) > 1 {
			header["Content-Length"] = lengths[:1]
		}
	}
	if method == http.MethodHead || !bodyAllowed(s.code) {
		// What a 204 says about a body may be followed by one: that would be read as the next response.
		f.close = f.close || s.code == http.StatusNoContent && (f.chunked || f.length > 0)
		return f, nil
	}
	f.close = f.close || !f.chunked && f.length < 0
	return f, nil
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func checkCoding(s statusLine, coded, lengths []string) error {
	switch {
	case len(lengths) > 0:
		return malformed("it has both Content-Length and Transfer-Encoding")
	case s.minor == 0:
		return malformed("it has a Transfer-Encoding, which HTTP/1.0 does not know")
	case len(coded) > 1 || !strings.EqualFold(coded[0], "chunked"):
		return malformed("its Transfer-Encoding is not chunked")
	}
	return nil
}

func parseLength(values []string) (int64, error) {
	for _, v := range values[1:] {
		if v != values[0] {
			return 0, malformed("it has two lengths")
		}
	}
	digits := values[0]
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, malformed("its Content-Length is not a number")
	}
	n, err := strconv.ParseInt(digits, 10, 63)
	if err != nil {
		return 0, malformed("its Content-Length is too large")
	}
	return n, nil
}

// announced are the names in the header Trailer, as net/http has them: keys without values.
func announced(header http.Header) (http.Header, error) {
	lists, ok := header["Trailer"]
	if !ok {
		return nil, nil
	}
	delete(header, "Trailer")
	trailer := make(http.Header)
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			name = textproto.CanonicalMIMEHeaderKey(strings.Trim(name, " \t"))
			switch {
			case name == "":
				continue
			case isFramingField(name):
				return nil, malformed("it announces a trailer that changes its framing")
			}
			trailer[name] = nil
		}
	}
	if len(trailer) == 0 {
		return nil, nil
	}
	return trailer, nil
}

// isFramingField reports whether a field may stand in a head only.
func isFramingField(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Upgrade", "Te", "Host", "Keep-Alive":
		return true
	}
	return false
}
