// Judges what template-go made of randomness (made.json): parses it, verifies it, and compares certificates
// with those that ESO's own functions make of the same call.
package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"os"
	"reflect"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// The calls behind the certificates, as made.rs has them.
var calls = map[string]string{
	"ca":          `{{ (genCA "ca.example.org" 365).Cert }}`,
	"ca-ecdsa":    `{{ (genCAWithKey "cä" 365 (genPrivateKey "ecdsa")).Cert }}`,
	"ca-ed25519":  `{{ (genCAWithKey "" 20000 (genPrivateKey "ed25519")).Cert }}`,
	"self-signed": `{{ (genSelfSignedCert "s.example.org" (list "192.0.2.1" "2001:db8::1") (list "a.example.org") 30).Cert }}`,
	"signed":      `{{ $ca := genCA "ca" 365 }}{{ (genSignedCert "s" (list "192.0.2.1") (list "a.example.org" "b.example.org") 30 $ca).Cert }}`,
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Output(2, err.Error())
		os.Exit(1)
	}
	return value
}

func check(ok bool, what string) {
	if !ok {
		log.Output(2, "wrong: "+what)
		os.Exit(1)
	}
}

// One PEM block with that label, and what follows it.
func block(text, label string) ([]byte, string) {
	found, rest := pem.Decode([]byte(text))
	check(found != nil && found.Type == label, label)
	return found.Bytes, string(rest)
}

func key(text string) (any, string) {
	found, rest := pem.Decode([]byte(text))
	check(found != nil, "no key")
	switch found.Type {
	case "RSA PRIVATE KEY":
		return must(x509.ParsePKCS1PrivateKey(found.Bytes)), string(rest)
	case "EC PRIVATE KEY":
		return must(x509.ParseECPrivateKey(found.Bytes)), string(rest)
	}
	return must(x509.ParsePKCS8PrivateKey(found.Bytes)), string(rest)
}

func public(private any) any {
	switch private := private.(type) {
	case *rsa.PrivateKey:
		return &private.PublicKey
	case *ecdsa.PrivateKey:
		return &private.PublicKey
	case ed25519.PrivateKey:
		return private.Public()
	}
	return nil
}

// The same shape as the certificate that ESO makes of the call: all but keys, serial number and moment.
func alike(ours *x509.Certificate, call string) {
	text := must(render(testCase{Template: call}))
	raw, _ := block(text, "CERTIFICATE")
	theirs := must(x509.ParseCertificate(raw))
	check(ours.Version == theirs.Version, "version")
	check(reflect.DeepEqual(ours.RawSubject, theirs.RawSubject), "subject")
	check(reflect.DeepEqual(ours.RawIssuer, theirs.RawIssuer), "issuer")
	check(ours.SignatureAlgorithm == theirs.SignatureAlgorithm, "signature algorithm")
	check(ours.KeyUsage == theirs.KeyUsage, "key usage")
	check(ours.NotBefore.Equal(now.Truncate(time.Second)), "begin")
	check(ours.NotAfter.Sub(ours.NotBefore) == theirs.NotAfter.Sub(theirs.NotBefore), "days")
	check(len(ours.SubjectKeyId) == len(theirs.SubjectKeyId), "subject key id")
	check(len(ours.AuthorityKeyId) == len(theirs.AuthorityKeyId), "authority key id")
	check(len(ours.Extensions) == len(theirs.Extensions), "extensions")
	for at, extension := range theirs.Extensions {
		check(ours.Extensions[at].Id.Equal(extension.Id), "order of extensions")
		check(ours.Extensions[at].Critical == extension.Critical, "criticality")
		if id := extension.Id.String(); id != "2.5.29.14" && id != "2.5.29.35" {
			check(reflect.DeepEqual(ours.Extensions[at].Value, extension.Value), "extension "+id)
		}
	}
}

func judgeCertificate(name, text string) {
	raw, rest := block(text, "CERTIFICATE")
	ours := must(x509.ParseCertificate(raw))
	private, rest := key(rest)
	check(reflect.DeepEqual(ours.PublicKey, public(private)), name+": the key is another's")
	alike(ours, calls[name])
	authority := ours
	if rest != "" {
		raw, _ = block(rest, "CERTIFICATE")
		authority = must(x509.ParseCertificate(raw))
		check(reflect.DeepEqual(ours.AuthorityKeyId, authority.SubjectKeyId), name+": authority")
	}
	must(0, authority.CheckSignature(ours.SignatureAlgorithm, ours.RawTBSCertificate, ours.Signature))
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	must(ours.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.Add(time.Hour)}))
}

func judge(path string) {
	var made map[string]string
	must(0, json.Unmarshal(must(os.ReadFile(path)), &made))
	for name, text := range made {
		switch name {
		case "bcrypt":
			must(0, bcrypt.CompareHashAndPassword([]byte(text), []byte("hunter2")))
			check(must(bcrypt.Cost([]byte(text))) == bcrypt.DefaultCost, "cost")
		case "htpasswd":
			hash, found := strings.CutPrefix(text, "user:")
			check(found, name)
			must(0, bcrypt.CompareHashAndPassword([]byte(hash), []byte("hunter2")))
		case "aes":
			plain := must(render(testCase{Template: `{{ decryptAES "secretkey" .v }}`, Data: map[string]string{"v": text}}))
			check(plain == "plaintext of some length", name)
		case "rsa":
			private, rest := key(text)
			check(rest == "" && private.(*rsa.PrivateKey).N.BitLen() == 4096, name)
			must(0, private.(*rsa.PrivateKey).Validate())
		case "ecdsa":
			private, _ := key(text)
			check(private.(*ecdsa.PrivateKey).Curve.Params().Name == "P-256", name)
		case "ed25519":
			private, _ := key(text)
			check(len(private.(ed25519.PrivateKey)) == ed25519.PrivateKeySize, name)
		case "dsa":
			raw, _ := block(text, "DSA PRIVATE KEY")
			var parts struct {
				Version       int
				P, Q, G, Y, X *big.Int
			}
			rest := must(asn1.Unmarshal(raw, &parts))
			check(len(rest) == 0 && parts.P.BitLen() == 2048 && parts.Q.BitLen() == 256, name)
			check(parts.P.ProbablyPrime(20) && parts.Q.ProbablyPrime(20), "primes")
			one := big.NewInt(1)
			check(new(big.Int).Mod(new(big.Int).Sub(parts.P, one), parts.Q).Sign() == 0, "q divides p-1")
			check(new(big.Int).Exp(parts.G, parts.Q, parts.P).Cmp(one) == 0 && parts.G.Cmp(one) > 0, "order of g")
			check(new(big.Int).Exp(parts.G, parts.X, parts.P).Cmp(parts.Y) == 0, "y")
		case "pkcs12":
			file := must(base64.StdEncoding.DecodeString(text))
			private, leaf, more, err := pkcs12.DecodeChain(file, "pässword")
			must(0, err)
			check(leaf.Subject.CommonName == "s" && len(more) == 1 && more[0].Subject.CommonName == "ca", name)
			check(reflect.DeepEqual(leaf.PublicKey, public(private)), name)
			_, _, _, err = pkcs12.DecodeChain(file, "password")
			check(err == pkcs12.ErrIncorrectPassword, "another password")
		case "trust-store":
			certificates := must(pkcs12.DecodeTrustStore(must(base64.StdEncoding.DecodeString(text)), ""))
			check(len(certificates) == 2 && certificates[1].Subject.CommonName == "two", name)
		default:
			check(calls[name] != "", "nobody judges "+name)
			judgeCertificate(name, text)
		}
	}
	fmt.Printf("%d judged\n", len(made))
}
