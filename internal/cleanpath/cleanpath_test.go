package cleanpath

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

var keepAll = Policy{EncodedSlashes: Keep, Semicolons: Keep}

func TestClean(t *testing.T) {
	for _, tc := range []struct {
		path   string
		policy Policy
		want   string
		err    error
	}{
		{"", Policy{}, "/", nil},
		{"/", Policy{}, "/", nil},
		{"/a/b", Policy{}, "/a/b", nil},
		{"//a///b", Policy{}, "/a/b", nil},
		{"/a/./b/../c", Policy{}, "/a/c", nil},
		{"/a/%2e%2E/b", Policy{}, "/b", nil},
		{"/a/%2e/b/", Policy{}, "/a/b/", nil},
		{"/a/b/..", Policy{}, "/a/", nil},
		{"/a/..", Policy{}, "/", nil},
		{"/..", Policy{}, "", ErrAboveRoot},
		{"/a/../../b", Policy{}, "", ErrAboveRoot},
		{"/%61dmin", Policy{}, "/admin", nil},
		{"/a%20b", Policy{}, "/a%20b", nil},
		{"/a%c3%a9", Policy{}, "/a%C3%A9", nil},
		{"/a\xc3\xa9", Policy{}, "/a%C3%A9", nil},
		{"/a%252e", Policy{}, "/a%252e", nil},
		{"/a%2Fb", Policy{}, "", ErrEncodedSlash},
		{"/a%2fb", keepAll, "/a%2Fb", nil},
		{"/a/..%2fb", keepAll, "", ErrHiddenDots},
		{"/a%2f..", keepAll, "", ErrHiddenDots},
		{`/a\b`, keepAll, "", ErrBackslash},
		{"/a%5Cb", keepAll, "", ErrBackslash},
		{"/a;x=1/b", Policy{}, "", ErrSemicolon},
		{"/a%3Bx/b", Policy{}, "", ErrSemicolon},
		{"/a;x=1/b", Policy{Semicolons: Strip}, "/a/b", nil},
		{"/..;/b", Policy{Semicolons: Strip}, "", ErrAboveRoot},
		{"/a;x=1/b", keepAll, "/a;x=1/b", nil},
		{"/a/..;/b", keepAll, "", ErrHiddenDots},
		{"/a%00", keepAll, "", ErrControl},
		{"/a%0d%0a", keepAll, "", ErrControl},
		{"/a%", Policy{}, "", ErrEscape},
		{"/a%zz", Policy{}, "", ErrEscape},
		{"*", Policy{}, "", ErrRelative},
		{"a/b", Policy{}, "", ErrRelative},
	} {
		got, err := Clean(tc.path, tc.policy)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%q: got %q, %v; want %q, %v", tc.path, got, err, tc.want, tc.err)
		}
	}
}

func TestCleanPathsCostNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = Clean("/api/v1/users/42", Policy{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"/a/../b", "/%2e%2e/x", "//", "/a;b/..;/c", "/a%2f..%2Fb", "/\\", "/%", "/\x80"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, path string, keep bool) {
		p := Policy{}
		if keep {
			p = keepAll
		}
		clean, err := Clean(path, p)
		if err != nil {
			return
		}
		if again, err := Clean(clean, p); again != clean || err != nil {
			t.Fatalf("%q became %q and then %q, %v", path, clean, again, err)
		}
		plain, err := url.PathUnescape(clean)
		if err != nil || !strings.HasPrefix(clean, "/") || strings.Contains(clean, "//") {
			t.Fatalf("%q became %q: %v", path, clean, err)
		}
		for segment := range strings.SplitSeq(plain, "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q became %q, which has dot segments", path, clean)
			}
		}
	})
}
