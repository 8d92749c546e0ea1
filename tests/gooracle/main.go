// Answers questions, a line of JSON each, as the External Secrets Operator's own libraries would: gjson
// paths, what sjson sets, Go's regular expressions, base64, encoding/json and hashes over what fmt prints. The property tests
// of host/core ask it (`host/core/tests/oracle`): one process, thousands of questions.
//
// Bytes are in base64, so that questions and answers may hold what is no UTF-8.
package main

import (
	"bufio"
	"crypto/sha3"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

type question struct {
	Ask string `json:"ask"`
	// What it is asked of.
	Value []byte `json:"value,omitempty"`
	// A path, an expression, a strategy.
	How string `json:"how,omitempty"`
	// What stands in its place.
	Target string            `json:"target,omitempty"`
	Data   map[string][]byte `json:"data,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Notes  map[string]string `json:"notes,omitempty"`
}

type answer struct {
	// Absent: there is none.
	Value *[]byte           `json:"value,omitempty"`
	Data  map[string][]byte `json:"data,omitempty"`
	Error bool              `json:"error,omitempty"`
	// Of what a path finds: its JSON, and which kind it is.
	Raw  []byte `json:"raw,omitempty"`
	Kind string `json:"kind,omitempty"`
	// The library panicked.
	Panic bool `json:"panic,omitempty"`
}

func text(s string) answer {
	b := []byte(s)
	return answer{Value: &b}
}

func path(value, how string) (out answer) {
	defer func() {
		if recover() != nil {
			out = answer{Panic: true}
		}
	}()
	found := gjson.Get(value, how)
	if !found.Exists() {
		return answer{}
	}
	out = text(found.String())
	out.Raw, out.Kind = []byte(found.Raw), found.Type.String()
	return out
}

func decode(how string, in []byte) ([]byte, error) {
	switch how {
	case "Base64":
		return base64.StdEncoding.DecodeString(string(in))
	case "Base64URL":
		return base64.URLEncoding.DecodeString(string(in))
	case "Auto":
		for _, strategy := range []string{"Base64", "Base64URL"} {
			if out, err := decode(strategy, in); err == nil {
				return out, nil
			}
		}
	}
	return in, nil
}

func converted(how, key string) string {
	var out strings.Builder
	for _, r := range key {
		switch {
		case unicode.IsNumber(r) || unicode.IsLetter(r) || strings.ContainsRune("-._", r):
			out.WriteRune(r)
		case how == "Unicode":
			fmt.Fprintf(&out, "_U%04x_", r)
		default:
			out.WriteByte('_')
		}
	}
	return out.String()
}

// A value as ESO puts it in a Secret.
func plain(v any) []byte {
	switch t := v.(type) {
	case string:
		return []byte(t)
	case float64:
		return []byte(strconv.FormatFloat(t, 'f', -1, 64))
	case bool:
		return []byte(strconv.FormatBool(t))
	case nil:
		return []byte{}
	}
	out, err := json.Marshal(v)
	if err != nil {
		log.Fatal(err)
	}
	return out
}

func object(value []byte) answer {
	raw := map[string]json.RawMessage{}
	if json.Unmarshal(value, &raw) != nil {
		return answer{Error: true}
	}
	data := map[string][]byte{}
	for key, v := range raw {
		var s string
		if json.Unmarshal(v, &s) == nil {
			data[key] = []byte(s)
		} else {
			data[key] = v
		}
	}
	return answer{Data: data}
}

func reply(q question) answer {
	switch q.Ask {
	case "path":
		return path(string(q.Value), q.How)
	case "set":
		out, err := sjson.SetBytes(q.Value, q.How, []byte(q.Target))
		if err != nil {
			return answer{Error: true}
		}
		return text(string(out))
	case "replace":
		re, err := regexp.Compile(q.How)
		if err != nil {
			return answer{Error: true}
		}
		return text(re.ReplaceAllString(string(q.Value), q.Target))
	case "decode":
		out, err := decode(q.How, q.Value)
		if err != nil {
			return answer{Error: true}
		}
		return text(string(out))
	case "convert":
		return text(converted(q.How, string(q.Value)))
	case "object":
		return object(q.Value)
	case "merge":
		parsed := map[string]any{}
		if json.Unmarshal(q.Value, &parsed) != nil {
			return answer{Error: true}
		}
		data := map[string][]byte{}
		for key, v := range parsed {
			data[key] = plain(v)
		}
		return answer{Data: data}
	case "hash":
		return text(fmt.Sprintf("%x", sha3.Sum224([]byte(fmt.Sprintf("%+v", q.Data)))))
	case "version":
		meta := struct{ annotations, labels map[string]string }{q.Notes, q.Labels}
		return text(fmt.Sprintf("%s-%x", q.How, sha3.Sum224([]byte(fmt.Sprintf("%+v", meta)))))
	}
	log.Fatalf("nobody answers %q", q.Ask)
	return answer{}
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for decoder.More() {
		var q question
		if err := decoder.Decode(&q); err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(reply(q)); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
