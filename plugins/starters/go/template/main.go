// The component plugin-name. What it exports is in exports/, and what it decides in plugin/; nothing runs here.
package main

import (
	"runtime/debug"

	_ "example.com/plugin-name/exports/wit_exports"
)

// While the host hands over a value, Go allocates room for it, and may not call the host: a collection that begins just
// then ends the call ("cannot leave component instance"). So none begins by itself. Each call has an instance of its
// own, with its memory; an engine that makes much garbage calls runtime.GC at a time of its choice.
func init() {
	debug.SetGCPercent(-1)
}

func main() {}
