package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// openAPI is the part of an OpenAPI document that matters to a client.
type openAPI struct {
	Paths      map[string]map[string]operation `json:"paths"` // by path, then method in lower case
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	ID          string              `json:"operationId"`
	Summary     string              `json:"summary"`
	Description string              `json:"description"`
	Parameters  []parameter         `json:"parameters"`
	Body        *content            `json:"requestBody"`
	Responses   map[string]response `json:"responses"`
	Role        string              `json:"x-role"`
}

type parameter struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description"`
	Schema      schema `json:"schema"`
}

type response struct {
	content
	Headers map[string]any `json:"headers"`
}

type content struct {
	Content map[string]struct {
		Schema schema `json:"schema"`
	} `json:"content"`
}

type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Format     string            `json:"format"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
}

func read(path string) (openAPI, error) {
	var d openAPI
	text, err := os.ReadFile(path)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("read %s: %w", path, err)
	}
	return d, nil
}

// renamed are schemas that are not named after their Go type, because two
// packages use one word.
var renamed = map[string]string{
	"Alert":          "finding.Case",
	"Incident":       "finding.IncidentCase",
	"AlertSummary":   "finding.Summary",
	"AlertStatus":    "finding.Status",
	"AlertBucket":    "store.Bucket",
	"AlertCount":     "store.Count",
	"AuditEntry":     "account.Entry",
	"EnrollToken":    "fleet.EnrolToken",
	"EventClass":     "event.Class",
	"EventStatus":    "event.Status",
	"HostUser":       "event.User",
	"HostGroup":      "event.Group",
	"RuleRef":        "finding.Rule",
	"Simulation":     "store.Order",
	"SimulationPart": "store.Part",
}

// packages are where the other schemas' types are looked for, in this order.
var packages = []string{"api", "account", "fleet", "finding", "policy", "store", "event", "wire"}

// declared returns the exported types of the packages, as package.Type by
// their bare names; the first package wins.
func declared(root string) (map[string]string, error) {
	types := make(map[string]string)
	for _, pkg := range packages {
		paths, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			declare(types, pkg, file)
		}
	}
	return types, nil
}

func declare(types map[string]string, pkg string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		if t, ok := n.(*ast.TypeSpec); ok && t.Name.IsExported() && types[t.Name.Name] == "" {
			types[t.Name.Name] = pkg + "." + t.Name.Name
		}
		return true
	})
}
