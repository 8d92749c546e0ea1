// Package export_claviger_plugin_provider is the exported interface `provider`, under the name that the generated
// bindings call it by. It only hands over, with the host's HTTP.
package export_claviger_plugin_provider

import (
	"example.com/plugin-name/imports/claviger_plugin_provider"
	"example.com/plugin-name/imports/claviger_plugin_types"
	"example.com/plugin-name/outgoing"
	"example.com/plugin-name/plugin"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

var reader = plugin.Reader{Send: outgoing.Send}

func Describe() claviger_plugin_provider.Description {
	return plugin.Describe()
}

func Validate(session claviger_plugin_provider.Session) wit.Result[claviger_plugin_provider.Health, claviger_plugin_types.Error] {
	return reader.Validate(session)
}

func Get(session claviger_plugin_provider.Session, items []claviger_plugin_provider.Item) wit.Result[[]wit.Result[claviger_plugin_provider.Value, claviger_plugin_types.Error], claviger_plugin_types.Error] {
	return reader.Get(session, items)
}

func Find(session claviger_plugin_provider.Session, query claviger_plugin_provider.Query, cursor wit.Option[string]) wit.Result[claviger_plugin_provider.Page, claviger_plugin_types.Error] {
	return reader.Find(session, query, cursor)
}
