// Renders a corpus of templates with Go's own text/template and sprig, as ESO does: what template-go has to
// give too. Reads the corpus on standard input, writes the outputs to standard output.
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// Case is one template and its data.
type Case struct {
	Name     string            `json:"name"`
	Template string            `json:"template"`
	Data     map[string]string `json:"data"`
	// Output is empty and Failed true where Go refuses.
	Output string `json:"output"`
	Failed bool   `json:"failed"`
}

// The clock of every case: 2026-11-24T10:11:12.345Z, in UTC as in a pod.
var now = time.UnixMilli(1795515072345).UTC()

func main() {
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	time.Local = time.UTC
	funcs := sprig.TxtFuncMap()
	funcs["now"] = func() time.Time { return now }
	for i := range cases {
		c := &cases[i]
		c.Output, c.Failed = "", true
		t, err := template.New("template").Option("missingkey=error").Funcs(funcs).Parse(c.Template)
		if err != nil {
			continue
		}
		var out strings.Builder
		if t.Execute(&out, c.Data) == nil {
			c.Output, c.Failed = out.String(), false
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(cases); err != nil {
		panic(err)
	}
}
