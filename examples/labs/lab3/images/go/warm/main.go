// Imports what services usually do, so that it is compiled once, when the image is built.
package main

import (
	_ "bufio"
	_ "embed"
	_ "encoding/json"
	_ "flag"
	_ "html/template"
	_ "io/fs"
	_ "math/rand"
	_ "net/http"
	_ "os/signal"
	_ "path/filepath"
	_ "sync/atomic"
)

func main() {}
