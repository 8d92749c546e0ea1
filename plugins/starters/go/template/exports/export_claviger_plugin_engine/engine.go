// Package export_claviger_plugin_engine is the exported interface `engine`, under the name that the generated bindings
// call it by. It only hands over.
package export_claviger_plugin_engine

import (
	engine "example.com/plugin-name/imports/claviger_plugin_engine"
	"example.com/plugin-name/plugin"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func Describe() engine.Description {
	return plugin.Describe()
}

func Render(templates []engine.Template, data []wit.Tuple2[string, []uint8], options engine.Options) wit.Result[[]engine.Rendered, engine.Failure] {
	return plugin.Render(templates, data, options)
}
