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

// configuration is where the agent's settings are declared and explained.
const configuration = "agent/headless/config.go"

// writeConfiguration writes docs/configuration.md from the comments of the
// struct that holds the settings.
func writeConfiguration(doc *bytes.Buffer) error {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, configuration), nil, parser.ParseComments)
	if err != nil {
		return err
	}
	doc.WriteString("# Configuration of holdfast-agent\n\n" + heading + "\n")
	doc.WriteString("`holdfast-agent run --config FILE` reads YAML or JSON. Without a file every setting has its default; an unknown\n")
	doc.WriteString("setting is an error.\n\n")
	settings := structNamed(file, "Config")
	if settings == nil {
		return errors.New("no struct Config in " + configuration)
	}
	names := make(map[string]string) // of settings, by the Go name
	for _, field := range settings.Fields.List {
		names[field.Names[0].Name] = yamlName(field)
	}
	rows := [][]string{{"setting", "type", "what it means"}}
	var group string // the comment of the fields above, which speaks for several
	for _, field := range settings.Fields.List {
		if field.Doc != nil {
			group = field.Doc.Text()
		}
		rows = append(rows, []string{"`" + yamlName(field) + "`", typeName(field.Type), settingText(group, names)})
	}
	writeTable(doc, rows)
	return nil
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
		case "int", "int64":
			return "number"
		case "bool":
			return "true or false"
		}
		return t.Name
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
