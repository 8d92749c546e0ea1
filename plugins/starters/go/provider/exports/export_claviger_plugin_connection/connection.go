// Package export_claviger_plugin_connection is the exported interface `connection`, under the name that the
// generated bindings call it by. It only hands over.
package export_claviger_plugin_connection

import (
	"example.com/plugin-name/imports/claviger_plugin_connection"
	"example.com/plugin-name/imports/claviger_plugin_types"
	"example.com/plugin-name/plugin"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

func Connect(input claviger_plugin_connection.ConnectInput) wit.Result[claviger_plugin_connection.Step, claviger_plugin_types.Error] {
	return plugin.Connect(input)
}
