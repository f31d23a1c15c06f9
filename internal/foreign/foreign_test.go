package foreign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/loom-gateway/loom/internal/protofields"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// fields makes a message of number, value, number, value …
func fields(list ...any) (out []byte) {
	for i := 0; i < len(list); i += 2 {
		out = protowire.AppendTag(out, protowire.Number(list[i].(int)), protowire.BytesType)
		switch v := list[i+1].(type) {
		case string:
			out = protowire.AppendString(out, v)
		case []byte:
			out = protowire.AppendBytes(out, v)
		}
	}
	return out
}

func TestCompress(t *testing.T) {
	text := []byte(strings.Repeat("loom ", 1000))
	packed, s := Compress(text)
	if s != abi.StatusOK || len(packed) >= len(text) {
		t.Fatalf("%d bytes, %s", len(packed), s)
	}
	if out, s := Uncompress(packed); s != abi.StatusOK || !bytes.Equal(out, text) {
		t.Errorf("%.20q, %s", out, s)
	}
	bomb, _ := Compress(make([]byte, maxUncompressed+1))
	for name, data := range map[string][]byte{"corrupt": []byte("no zlib"), "cut": packed[:len(packed)/2], "bomb": bomb} {
		if out, s := Uncompress(data); s != abi.StatusSerializationFailure || out != nil {
			t.Errorf("%s: %d bytes, %s", name, len(out), s)
		}
	}
}

// What is signed with either kind of key, as DER and as PEM, is verified; anything else is not.
func TestSignatures(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"rsa": rsaKey, "ecdsa": ecKey} {
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		for _, hash := range []string{"sha1", "sha224", "sha256", "sha384", "sha512"} {
			signature := signed(t, fields(1, hash, 2, private, 3, "text"))
			signed(t, fields(1, hash, 3, "text", 4, pemOf("PRIVATE KEY", private)))
			if err := verified(t, fields(1, hash, 2, public, 3, signature, 4, "text")); err != "" {
				t.Errorf("%s %s: %s", name, hash, err)
			}
			if err := verified(t, fields(1, hash, 3, signature, 4, "text", 5, pemOf("PUBLIC KEY", public))); err != "" {
				t.Errorf("%s %s as PEM: %s", name, hash, err)
			}
			if err := verified(t, fields(1, hash, 2, public, 3, signature, 4, "another")); err == "" {
				t.Errorf("%s %s: another text is verified", name, hash)
			}
		}
		if err := verified(t, fields(1, "md5", 2, public, 3, "x", 4, "text")); !strings.Contains(err, "md5") {
			t.Errorf("md5: %q", err)
		}
		if err := verified(t, fields(1, "sha256", 2, "no key", 3, "x", 4, "text")); !strings.Contains(err, "public key") {
			t.Errorf("no key: %q", err)
		}
	}
}

func signed(t *testing.T, args []byte) []byte {
	t.Helper()
	out, s := Sign(args)
	m, ok := protofields.Decode(out)
	if s != abi.StatusOK || !ok || m.Number(1) != 1 || len(m.Text(2)) == 0 {
		t.Fatalf("%s %+v", s, m)
	}
	return m.Text(2)
}

// verified returns why a signature is not good; empty when it is.
func verified(t *testing.T, args []byte) string {
	t.Helper()
	out, s := VerifySignature(args)
	m, ok := protofields.Decode(out)
	if s != abi.StatusOK || !ok || (m.Number(1) == 1) == (len(m.Text(2)) > 0) {
		t.Fatalf("%s %+v", s, m)
	}
	return string(m.Text(2))
}

func TestArguments(t *testing.T) {
	span := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 1)
	if path, value, ok := FilterState(append(fields(1, "k", 2, "v"), span...)); !ok || path != "k" || string(value) != "v" {
		t.Errorf("%q %q %v", path, value, ok)
	}
	readOnly := protowire.AppendVarint(protowire.AppendTag(fields(1, "name"), 2, protowire.VarintType), 1)
	if name, once, ok := Declaration(readOnly); !ok || name != "name" || !once {
		t.Errorf("%q %v %v", name, once, ok)
	}
	for _, broken := range [][]byte{nil, {0xff}, {0x0a, 0x7f, 'x'}, fields(2, "v")} {
		if _, _, ok := FilterState(broken); ok {
			t.Errorf("% x is taken", broken)
		}
		if _, _, ok := Declaration(broken); ok {
			t.Errorf("% x is taken", broken)
		}
	}
	for _, broken := range [][]byte{{0xff}, {0x0a, 0x7f, 'x'}} {
		if _, s := Sign(broken); s != abi.StatusBadArgument {
			t.Errorf("sign: %s", s)
		}
		if _, s := VerifySignature(broken); s != abi.StatusBadArgument {
			t.Errorf("verify: %s", s)
		}
	}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
