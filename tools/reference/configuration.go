package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// configurations are where settings are declared and explained.
var configurations = []struct{ program, usage, path string }{
	{"holdfast-server", "`holdfast-server run --config FILE` reads YAML or JSON, and `holdfast-server check` says whether it can be used.", "server/config.go"},
	{"holdfast-agent", "`holdfast-agent run --config FILE` reads YAML or JSON.", "agent/headless/config.go"},
}

// writeConfiguration writes docs/configuration.md from the comments of the
// structs that hold the settings.
func writeConfiguration(doc *bytes.Buffer) error {
	doc.WriteString("# Configuration\n\n" + heading + "\n")
	doc.WriteString("Without a file every setting has its default; an unknown setting is an error. What the console's settings page\n")
	doc.WriteString("changes is kept by the server itself.\n")
	for _, c := range configurations {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, c.path), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		settings := structNamed(file, "Config")
		if settings == nil {
			return errors.New("no struct Config in " + c.path)
		}
		fmt.Fprintf(doc, "\n## %s\n\n%s\n\n", c.program, c.usage)
		writeTable(doc, settingRows(file, settings))
	}
	return nil
}

// settingRows returns a line for each setting.
func settingRows(file *ast.File, settings *ast.StructType) [][]string {
	return append([][]string{{"setting", "type", "what it means"}}, memberRows(file, settings, "")...)
}

// memberRows returns a line for each member of a struct, and below one that is
// a struct itself the lines of that, with its name before theirs.
func memberRows(file *ast.File, settings *ast.StructType, prefix string) (rows [][]string) {
	names := make(map[string]string) // of settings, by the Go name
	for _, field := range settings.Fields.List {
		names[field.Names[0].Name] = prefix + yamlName(field)
	}
	var group string // the comment of the fields above, which speaks for several
	for _, field := range settings.Fields.List {
		if field.Doc != nil {
			group = field.Doc.Text()
		}
		name := prefix + yamlName(field)
		rows = append(rows, []string{"`" + name + "`", typeName(field.Type), settingText(group, names)})
		if id, ok := field.Type.(*ast.Ident); ok {
			if members := structNamed(file, id.Name); members != nil {
				rows = append(rows, memberRows(file, members, name+".")...)
			}
		}
	}
	return rows
}

// structNamed returns the struct type that file declares under name.
func structNamed(file *ast.File, name string) *ast.StructType {
	var found *ast.StructType
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if ok && spec.Name.Name == name {
			found, _ = spec.Type.(*ast.StructType)
		}
		return found == nil
	})
	return found
}

func yamlName(field *ast.Field) string {
	if field.Tag == nil {
		return strings.ToLower(field.Names[0].Name)
	}
	name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("yaml"), ",")
	return name
}

// typeName says in words what YAML expects.
func typeName(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.ArrayType:
		return "list of " + typeName(t.Elt) + "s"
	case *ast.Ident:
		switch t.Name {
		case "string":
			return "string"
		case "int", "int64":
			return "number"
		case "bool":
			return "true or false"
		}
		return "map" // a struct of the same file
	}
	return fmt.Sprintf("%T", t)
}

// settingText puts the settings' names in place of the Go fields'.
func settingText(comment string, names map[string]string) string {
	words := strings.Fields(comment)
	for i, w := range words {
		name := strings.TrimRight(w, ".,;:")
		if setting, ok := names[name]; ok {
			words[i] = "`" + setting + "`" + strings.TrimPrefix(w, name)
		}
	}
	return strings.Join(words, " ")
}
