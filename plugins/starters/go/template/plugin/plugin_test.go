package plugin

import (
	"strings"
	"testing"

	engine "example.com/plugin-name/imports/claviger_plugin_engine"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

// render is what some templates become.
func render(strict bool, texts ...string) wit.Result[[]engine.Rendered, engine.Failure] {
	data := []wit.Tuple2[string, []uint8]{
		{F0: "user", F1: []byte("app")},
		{F0: "password", F1: []byte("s3cret \xff")},
		{F0: "a.b", F1: []byte("${user}")},
	}
	var templates []engine.Template
	for _, text := range texts {
		templates = append(templates, engine.Template{Name: "data." + text, Text: text})
	}
	return Render(templates, data, engine.Options{Strict: strict})
}

func TestKeysBecomeTheirValuesByteForByte(t *testing.T) {
	for text, expected := range map[string]string{
		"${user}:${password}@db": "app:s3cret \xff@db",
		"ü ${a.b}":               "ü ${user}",
		"$user ${ {user} $":      "$user ${ {user} $",
		"":                       "",
	} {
		if made := render(true, text).Ok(); string(made[0].Data) != expected || made[0].Name != "data."+text {
			t.Errorf("%q became %q", text, made[0].Data)
		}
	}
}

func TestAMissingKeyIsAFailureWithItsPlace(t *testing.T) {
	failure := render(true, "${user}", "ok\nü: ${absent}").Err()
	if failure.Template != "data.ok\nü: ${absent}" || failure.Line != 2 || failure.Column != 4 {
		t.Error(failure)
	}
	if !strings.Contains(failure.Detail, "absent") {
		t.Error(failure.Detail)
	}
}

func TestOrNothingWhereTheHostIsNotStrict(t *testing.T) {
	if made := render(false, "[${absent}]").Ok(); string(made[0].Data) != "[]" {
		t.Errorf("%q", made[0].Data)
	}
}
