package foreign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	// The hash functions that a plugin may name.
	_ "crypto/sha1" //nolint:gosec // Envoy offers it, and old signatures must be checked
	_ "crypto/sha256"
	_ "crypto/sha512"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/loom-gateway/loom/internal/protofields"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// maxKeyBits bounds the time that one signature may take.
const maxKeyBits = 8192

// VerifySignature answers `verify_signature`. Arguments: hash_function = 1, public_key = 2 (DER), signature = 3, text = 4,
// public_key_pem = 5. Result: result = 1 (bool), error = 2. RSA (PKCS #1 v1.5) and ECDSA (ASN.1) are known, as in Envoy.
func VerifySignature(args []byte) ([]byte, abi.Status) {
	m, ok := protofields.Decode(args)
	if !ok {
		return nil, abi.StatusBadArgument
	}
	err := verify(string(m.Text(1)), m.Text(2), m.Text(5), m.Text(3), m.Text(4))
	result := appendBool(nil, 1, err == nil)
	return appendError(result, 2, err), abi.StatusOK
}

// Sign answers `sign`. Arguments: hash_function = 1, private_key = 2 (DER), text = 3, private_key_pem = 4. Result: result = 1
// (bool), signature = 2, error = 3.
func Sign(args []byte) ([]byte, abi.Status) {
	m, ok := protofields.Decode(args)
	if !ok {
		return nil, abi.StatusBadArgument
	}
	signature, err := sign(string(m.Text(1)), m.Text(2), m.Text(4), m.Text(3))
	result := appendBool(nil, 1, err == nil)
	if len(signature) > 0 {
		result = protowire.AppendBytes(protowire.AppendTag(result, 2, protowire.BytesType), signature)
	}
	return appendError(result, 3, err), abi.StatusOK
}

func verify(hash string, der, pemText, signature, text []byte) error {
	h, digest, err := hashed(hash, text)
	if err != nil {
		return err
	}
	parsed, err := x509.ParsePKIXPublicKey(derOf(der, pemText))
	if err != nil {
		return fmt.Errorf("reading the public key: %w", err)
	}
	switch key := parsed.(type) {
	case *rsa.PublicKey:
		if key.Size()*8 > maxKeyBits {
			return errKeySize
		}
		return rsa.VerifyPKCS1v15(key, h, digest, signature)
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(key, digest, signature) {
			return errors.New("the signature does not match")
		}
		return nil
	}
	return errKeyType
}

func sign(hash string, der, pemText, text []byte) ([]byte, error) {
	h, digest, err := hashed(hash, text)
	if err != nil {
		return nil, err
	}
	parsed, err := privateKey(derOf(der, pemText))
	if err != nil {
		return nil, fmt.Errorf("reading the private key: %w", err)
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		if key.Size()*8 > maxKeyBits {
			return nil, errKeySize
		}
		return rsa.SignPKCS1v15(rand.Reader, key, h, digest)
	case *ecdsa.PrivateKey:
		return ecdsa.SignASN1(rand.Reader, key, digest)
	}
	return nil, errKeyType
}

var (
	errKeyType = errors.New("the key is neither RSA nor ECDSA")
	errKeySize = fmt.Errorf("the key has more than %d bits", maxKeyBits)
)

// derOf takes the PEM form where there is one.
func derOf(der, pemText []byte) []byte {
	if block, _ := pem.Decode(pemText); block != nil {
		return block.Bytes
	}
	return der
}

// privateKey reads PKCS #8, and the older forms that PEM files have.
func privateKey(der []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, err
}

func hashed(name string, text []byte) (crypto.Hash, []byte, error) {
	var h crypto.Hash
	switch name {
	case "sha1":
		h = crypto.SHA1
	case "sha224":
		h = crypto.SHA224
	case "sha256":
		h = crypto.SHA256
	case "sha384":
		h = crypto.SHA384
	case "sha512":
		h = crypto.SHA512
	default:
		return 0, nil, fmt.Errorf("hash function %q is not known: use sha1, sha224, sha256, sha384 or sha512", name)
	}
	w := h.New()
	_, _ = w.Write(text)
	return h, w.Sum(nil), nil
}

func appendBool(dst []byte, number protowire.Number, value bool) []byte {
	if !value { // proto3 leaves it out
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, number, protowire.VarintType), 1)
}

func appendError(dst []byte, number protowire.Number, err error) []byte {
	if err == nil {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, number, protowire.BytesType), err.Error())
}
