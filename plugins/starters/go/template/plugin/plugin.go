// Package plugin is the template engine plugin-name: `${name}` becomes the value of that key. An engine reaches nothing;
// time and randomness come with each call, in its options.
package plugin

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	engine "example.com/plugin-name/imports/claviger_plugin_engine"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

var place = regexp.MustCompile(`\$\{([^{}]*)\}`)

// Describe says what the plugin is.
func Describe() engine.Description {
	return engine.Description{Name: "plugin-name", Version: "0.1.0"}
}

// Render makes each template, in order; the first failure ends it.
func Render(templates []engine.Template, data []wit.Tuple2[string, []uint8], options engine.Options) wit.Result[[]engine.Rendered, engine.Failure] {
	values := map[string][]byte{}
	for _, entry := range data {
		values[entry.F0] = entry.F1
	}
	var made []engine.Rendered
	for _, template := range templates {
		data, failure := fill(template, values, options.Strict)
		if failure != nil {
			return wit.Err[[]engine.Rendered](*failure)
		}
		// Varies is for texts that were made of the clock or the seed.
		made = append(made, engine.Rendered{Name: template.Name, Data: data, Varies: false})
	}
	return wit.Ok[[]engine.Rendered, engine.Failure](made)
}

// fill makes one template. A key that is not there is nothing, or a failure where the host is strict. Failures name places
// and keys, and never quote a value.
func fill(template engine.Template, values map[string][]byte, strict bool) ([]byte, *engine.Failure) {
	var made bytes.Buffer
	end := 0
	for _, at := range place.FindAllStringSubmatchIndex(template.Text, -1) {
		before, name := template.Text[:at[0]], template.Text[at[2]:at[3]]
		value, there := values[name]
		if strict && !there {
			line := before[strings.LastIndexByte(before, '\n')+1:]
			return nil, &engine.Failure{
				Template: template.Name,
				Line:     uint32(strings.Count(before, "\n") + 1),
				Column:   uint32(utf8.RuneCountInString(line) + 1),
				Detail:   fmt.Sprintf("there is no key %q", name),
			}
		}
		made.WriteString(before[end:])
		made.Write(value)
		end = at[1]
	}
	made.WriteString(template.Text[end:])
	return made.Bytes(), nil
}
