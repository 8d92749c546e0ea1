// Renders corpus.json with Go's own text/template, Masterminds/sprig and sigs.k8s.io/yaml, and writes
// expected.json: what the template-go plugin has to produce, byte for byte. Run it after changing the
// corpus: `go run . corpus.json expected.json`.
//
// The set-up is that of the External Secrets Operator's engine v2: missingkey=error, a map[string]string
// as data, sprig without what reaches outside.
package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	eso "github.com/external-secrets/external-secrets/pkg/template/v2"
	"golang.org/x/crypto/bcrypt"
)

type testCase struct {
	Name     string            `json:"name"`
	Template string            `json:"template"`
	Data     map[string]string `json:"data,omitempty"`
	// Values that are no UTF-8, in base64.
	Binary map[string]string `json:"binary,omitempty"`
	Left   string            `json:"left,omitempty"`
	Right  string            `json:"right,omitempty"`
	// missingkey=default instead of error.
	Lenient bool `json:"lenient,omitempty"`
}

type outcome struct {
	Name   string  `json:"name"`
	Output *string `json:"output,omitempty"`
	// Where the output is no UTF-8.
	OutputBase64 *string `json:"outputBase64,omitempty"`
	Error        string  `json:"error,omitempty"`
}

// What `now` says; the Rust test has the same.
var now = time.Date(2024, 2, 29, 13, 4, 5, 678000000, time.UTC)

func functions() template.FuncMap {
	all := template.FuncMap{}
	// ESO's own: sprig without what reaches outside, and what ESO adds.
	maps.Copy(all, eso.FuncMap())
	// What newer releases have no more, and what they have besides; the module of those cannot be required.
	delete(all, "getSecretKey")
	delete(all, "getHostByName")
	all["certSANs"] = certSANs
	all["htpasswd"] = htpasswd
	all["hexdec"] = func(text string) string {
		decoded, err := hex.DecodeString(text)
		if err != nil {
			return err.Error()
		}
		return string(decoded)
	}
	all["now"] = func() time.Time { return now }
	return all
}

type hashAlgorithm string

// As ESO 2.x has it, with an algorithm, and as releases before it have it, without. What is random in it is
// not compared.
func htpasswd(user, password string, algorithm ...hashAlgorithm) (string, error) {
	if len(algorithm) > 1 {
		return "", errors.New("too many arguments")
	}
	if strings.Contains(user, ":") {
		return "invalid username: " + user, nil
	}
	if len(algorithm) == 1 && algorithm[0] == "sha" {
		sum := sha1.Sum([]byte(password))
		return user + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]), nil
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	return user + ":" + string(hash), err
}

// As ESO 2.x has it: DNS names, addresses, mail addresses, URIs.
func certSANs(input string) ([]string, error) {
	if at := strings.Index(input, "-----BEGIN"); at >= 0 {
		input = input[at:]
	}
	block, _ := pem.Decode([]byte(input))
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	names := append([]string{}, parsed.DNSNames...)
	for _, address := range parsed.IPAddresses {
		names = append(names, address.String())
	}
	names = append(names, parsed.EmailAddresses...)
	for _, uri := range parsed.URIs {
		names = append(names, uri.String())
	}
	return names, nil
}

func render(c testCase) (string, error) {
	data := map[string]string{}
	for key, value := range c.Data {
		data[key] = value
	}
	for key, value := range c.Binary {
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			log.Fatalf("%s: %s: %v", c.Name, key, err)
		}
		data[key] = string(decoded)
	}
	option := "missingkey=error"
	if c.Lenient {
		option = "missingkey=default"
	}
	parsed, err := template.New("main template").Option(option).Funcs(functions()).Delims(c.Left, c.Right).Parse(c.Template)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		return "", err
	}
	return out.String(), nil
}

func main() {
	// As in a pod.
	time.Local = time.UTC
	if len(os.Args) == 5 && os.Args[1] == "seed" {
		seed(os.Args[2], os.Args[3], os.Args[4])
		return
	}
	if len(os.Args) != 3 {
		log.Fatal("usage: gotemplates corpus.json expected.json, gotemplates judge made.json, or gotemplates seed DIR seed-values.json seed-expected.json")
	}
	if os.Args[1] == "judge" {
		judge(os.Args[2])
		return
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var cases []testCase
	if err := json.Unmarshal(text, &cases); err != nil {
		log.Fatal(err)
	}
	var outcomes []outcome
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.Name] {
			log.Fatalf("two cases are named %q", c.Name)
		}
		seen[c.Name] = true
		result := outcome{Name: c.Name}
		output, err := render(c)
		switch {
		case err != nil:
			result.Error = err.Error()
		case utf8.ValidString(output):
			result.Output = &output
		default:
			encoded := base64.StdEncoding.EncodeToString([]byte(output))
			result.OutputBase64 = &encoded
		}
		outcomes = append(outcomes, result)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(outcomes); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[2], out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d cases\n", len(outcomes))
}
