//evenkeel:shell

package edge

import (
	"embed"

	"github.com/evenkeel/evenkeel"
)

//go:embed docpage
var docFiles embed.FS

// docPolicy lets the page load its own files and the description, and nothing
// else.
const docPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func docFile(name, kind string) (*answer, *evenkeel.Error) {
	b, err := docFiles.ReadFile("docpage/" + name)
	if err != nil {
		return nil, asError(err)
	}
	return &answer{raw: b, kind: kind, policy: docPolicy}, nil
}
