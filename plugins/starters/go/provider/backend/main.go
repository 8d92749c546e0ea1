// A server for the bench: the secrets of bench.yaml on 127.0.0.1:8085, for whoever has its token.
package main

import (
	"fmt"
	"log"
	"net/http"
	"strings"
)

const token = "token-of-the-bench"

func main() {
	secrets := map[string]string{
		"app/login":    `{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}`,
		"app/greeting": "Grüße aus Zürich – 你好 🗝",
		"app/bytes":    "\x00\x9f\x92\x96\xff\x0a\x0d\x00",
		"app/large":    strings.Repeat("x", 65536),
	}
	for n := range 1000 {
		secrets[fmt.Sprintf("many/k-%d", n)] = fmt.Sprintf("value-of-%d", n)
	}
	http.HandleFunc("GET /v1/{key...}", func(answer http.ResponseWriter, request *http.Request) {
		key := request.PathValue("key")
		value, there := secrets[key]
		switch {
		case request.Header.Get("Authorization") != "Bearer "+token:
			answer.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(key, "closed/"):
			answer.WriteHeader(http.StatusForbidden)
		case !there:
			answer.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprint(answer, value)
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8085", nil))
}
