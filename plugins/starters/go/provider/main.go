// The component plugin-name. What it exports is in exports/, and what it decides in plugin/; nothing runs here.
package main

import (
	"runtime/debug"

	_ "example.com/plugin-name/exports/wit_exports"
)

// While the host hands over a value, Go allocates room for it, and may not call the host: a collection that begins just
// then ends the call ("cannot leave component instance"). So none begins by itself. Each call has an instance of its
// own, with its memory; who reads much collects at a time of their choice, as outgoing does.
func init() {
	debug.SetGCPercent(-1)
}

func main() {}
