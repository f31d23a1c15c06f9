package plugins_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/plugin"
)

func TestJWTAuth(t *testing.T) {
	t.Parallel()
	eachBuild(t, "jwt-auth", testJWTAuth)
}

type object = map[string]any

// hs256 and es256 sign a message as tokens are signed.
func hs256(secret string) func(message string) []byte {
	return func(message string) []byte {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(message))
		return mac.Sum(nil)
	}
}

func es256(key *ecdsa.PrivateKey) func(message string) []byte {
	return func(message string) []byte {
		digest := sha256.Sum256([]byte(message))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			panic(err) // the system has no randomness
		}
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature
	}
}

func token(header, claims object, sign func(message string) []byte) string {
	part := func(value object) string {
		data, err := json.Marshal(value)
		if err != nil {
			panic(err) // a test's own literal
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	message := part(header) + "." + part(claims)
	return message + "." + base64.RawURLEncoding.EncodeToString(sign(message))
}

func newKey(t *testing.T) (key *ecdsa.PrivateKey, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func testJWTAuth(t *testing.T, code []byte) {
	const secret, realm = "a secret of thirty-two bytes, or more", `Bearer realm="test"`
	ec, public := newKey(t)
	stranger, _ := newKey(t)
	config := `{
		"keys": [{"kid": "h", "alg": "HS256", "secret": "` + secret + `"}, {"kid": "e", "alg": "ES256", "pem": ` + quoteJSON(public) + `}],
		"issuer": "https://issuer.test", "audience": ["api", "other"], "leeway": 30, "realm": "test", "forward_token": false,
		"claims_to_headers": {"sub": "x-user", "groups": "x-groups", "level": "x-level"}
	}`
	p, logs, err := open(t, plugin.Spec{Name: "jwt-auth", Code: code, Config: config, Instances: 1})
	if err != nil {
		t.Fatal(err, logs.All())
	}
	seen := make(chan http.Header, 100)
	server := serve(t, p, config, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Clone() })

	now := time.Now().Unix()
	h, e := object{"alg": "HS256", "kid": "h"}, object{"alg": "ES256", "kid": "e"}
	claims := func(more object) object {
		all := object{"iss": "https://issuer.test", "aud": "api", "exp": now + 600, "sub": "ada", "groups": []string{"a", "b"}, "level": 7}
		for name, value := range more {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
		return all
	}
	good := token(h, claims(nil), hs256(secret))

	for name, authorization := range map[string]string{
		"HS256":               "Bearer " + good,
		"the scheme's case":   "bEARER " + good,
		"ES256":               "Bearer " + token(e, claims(nil), es256(ec)),
		"without kid":         "Bearer " + token(object{"alg": "ES256"}, claims(nil), es256(ec)),
		"one of two audience": "Bearer " + token(h, claims(object{"aud": []string{"x", "other"}}), hs256(secret)),
		"within the leeway":   "Bearer " + token(h, claims(object{"exp": now - 5, "nbf": now + 5}), hs256(secret)),
	} {
		a := get(t, server, "Authorization", authorization, "X-User", "root", "X-Groups", "admin")
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %q %v", name, a.status, a.body, a.header)
			continue
		}
		same(t, name+": the backend", <-seen, http.Header{"X-User": {"ada"}, "X-Groups": {"a,b"}, "X-Level": {"7"}, "Authorization": nil})
	}

	a := get(t, server, "Authorization", "Bearer "+token(h, claims(object{"sub": nil}), hs256(secret)), "X-User", "root")
	if a.status != http.StatusOK {
		t.Errorf("without a claim: %d %q", a.status, a.body)
	} else {
		same(t, "a claim that is missing: the backend", <-seen, http.Header{"X-User": nil, "X-Groups": {"a,b"}})
	}

	parts := strings.Split(good, ".")
	for name, c := range map[string]struct{ authorization, reason string }{
		"none at all":         {"", ""},
		"another scheme":      {"Basic YTpi", ""},
		"no token":            {"Bearer ", ""},
		"two parts":           {"Bearer " + parts[0] + "." + parts[1], "the token is malformed"},
		"four parts":          {"Bearer " + good + "." + parts[2], "the signature is not valid"},
		"padding":             {"Bearer " + good + "=", "the token is malformed"},
		"no UTF-8":            {"Bearer \xff\xfe", "the token is malformed"},
		"changed claims":      {"Bearer " + parts[0] + "." + strings.Split(token(h, claims(object{"sub": "root"}), hs256("x")), ".")[1] + "." + parts[2], "the signature is not valid"},
		"another secret":      {"Bearer " + token(h, claims(nil), hs256("another secret of thirty-two bytes")), "the signature is not valid"},
		"another key":         {"Bearer " + token(e, claims(nil), es256(stranger)), "the signature is not valid"},
		"an unknown kid":      {"Bearer " + token(object{"alg": "HS256", "kid": "z"}, claims(nil), hs256(secret)), "the signature is not valid"},
		"alg none":            {"Bearer " + token(object{"alg": "none"}, claims(nil), func(string) []byte { return nil }), "the signature is not valid"},
		"alg NONE, kid":       {"Bearer " + token(object{"alg": "NONE", "kid": "h"}, claims(nil), hs256(secret)), "the signature is not valid"},
		"public key as HMAC":  {"Bearer " + token(object{"alg": "HS256", "kid": "e"}, claims(nil), hs256(public)), "the signature is not valid"},
		"... without kid":     {"Bearer " + token(object{"alg": "HS256"}, claims(nil), hs256(public)), "the signature is not valid"},
		"a signature of 0, 0": {"Bearer " + token(e, claims(nil), func(string) []byte { return make([]byte, 64) }), "the signature is not valid"},
		"an extension":        {"Bearer " + token(object{"alg": "HS256", "crit": []string{"exp"}}, claims(nil), hs256(secret)), "extensions"},
		"expired":             {"Bearer " + token(h, claims(object{"exp": now - 300}), hs256(secret)), "the token has expired"},
		"no expiry":           {"Bearer " + token(h, claims(object{"exp": nil}), hs256(secret)), "the token has no expiry"},
		"too early":           {"Bearer " + token(h, claims(object{"nbf": now + 300}), hs256(secret)), "the token is not valid yet"},
		"another issuer":      {"Bearer " + token(h, claims(object{"iss": "https://evil.test"}), hs256(secret)), "the token is of another issuer"},
		"another audience":    {"Bearer " + token(h, claims(object{"aud": "web"}), hs256(secret)), "the token is for another audience"},
		"a split header":      {"Bearer " + token(h, claims(object{"sub": "a\r\nx-admin: 1"}), hs256(secret)), "cannot stand in a header"},
	} {
		var headers []string
		if c.authorization != "" {
			headers = []string{"Authorization", c.authorization}
		}
		a := get(t, server, headers...)
		challenge := a.header.Get("Www-Authenticate")
		if a.status != http.StatusUnauthorized || !strings.HasPrefix(challenge, realm) {
			t.Errorf("%s: %d %v %q", name, a.status, a.header, a.body)
		}
		if c.reason == "" && challenge != realm {
			t.Errorf("%s: who sent no token is told an error: %q", name, challenge)
		}
		if c.reason != "" && (!strings.Contains(challenge, `error="invalid_token", error_description="`) || !strings.Contains(challenge, c.reason)) {
			t.Errorf("%s: the challenge is %q, want one about %q", name, challenge, c.reason)
		}
	}
	if a := get(t, server, "Authorization", "Bearer "+good, "Authorization", "Bearer "+good); a.status != http.StatusUnauthorized || !strings.Contains(a.body, "more than one") {
		t.Errorf("two tokens: %d %q", a.status, a.body)
	}
	if len(seen) > 0 {
		t.Error("a refused request reached the backend")
	}
	refusesMistakes(t, plugin.Spec{Name: "jwt-auth", Code: code}, map[string]string{
		"":             "jwt-auth: the configuration cannot be read",
		`{"keys": []}`: "keys is empty",
		`{"keys": [{"alg": "HS256", "secret": "short"}]}`:     "keys[0]: the secret has 5 bytes: HS256 needs at least 32",
		`{"keys": [{"alg": "none"}]}`:                         `keys[0]: alg "none" is not known: write HS256 or ES256`,
		`{"keys": [{"alg": "ES256", "secret": "x"}]}`:         "an ES256 key has no secret",
		`{"keys": [{"alg": "ES256", "pem": "certificate"}]}`:  "no public key of the curve P-256",
		`{"keys": [{"alg": "HS256", "secret": "x"}], "a": 1}`: "unknown field `a`",
	})
}

func quoteJSON(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string
	}
	return string(data)
}
