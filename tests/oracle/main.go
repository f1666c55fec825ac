// Renders directories with kustomize's own library, one after another, for the
// tests that render thousands: a process for each takes fifty times as long.
//
// Each line of the input is the path of a directory. The answer is a line,
// `ok LENGTH` or `refused LENGTH`, and as many bytes.
package main

import (
	"bufio"
	"fmt"
	"os"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		word := "ok"
		text, err := render(lines.Text())
		if err != nil {
			word, text = "refused", []byte(err.Error())
		}
		fmt.Fprintf(out, "%s %d\n%s", word, len(text), text)
		out.Flush()
	}
}

// Renders as `kustomize build` does without flags.
func render(dir string) (text []byte, err error) {
	defer func() {
		if said := recover(); said != nil {
			err = fmt.Errorf("panic: %v", said)
		}
	}()
	// What one kustomization says of the schema is not for the next.
	openapi.ResetOpenAPI()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	return resources.AsYaml()
}
