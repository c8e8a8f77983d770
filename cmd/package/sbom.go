package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"strings"
)

// bill is a list of components in CycloneDX's form. It has no serial number and no time: both would differ from build to build.
// https://cyclonedx.org/docs/1.6/json/
type bill struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Licenses   []any      `json:"licenses,omitempty"` // left out where the binary does not tell
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// billOfMaterials lists the modules that are really linked into the binary, as the Go linker has noted them there.
func billOfMaterials(bootstrap, version string) ([]byte, error) {
	info, err := buildinfo.ReadFile(bootstrap)
	if err != nil {
		return nil, fmt.Errorf("what is linked into %s: %w", bootstrap, err)
	}
	mit := map[string]any{"license": map[string]string{"id": "MIT"}}
	self := component{Type: "application", Ref: product, Name: product, Version: version, Licenses: []any{mit}}
	list := bill{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata:   metadata{Component: self},
		Components: []component{library("std", strings.TrimPrefix(info.GoVersion, "go"), "")},
	}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		list.Components = append(list.Components, library(module.Path, module.Version, module.Sum))
	}
	needs := dependency{Ref: self.Ref}
	for _, component := range list.Components {
		needs.DependsOn = append(needs.DependsOn, component.Ref)
	}
	list.Dependencies = []dependency{needs}

	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(list)
	return out.Bytes(), err
}

func library(path, version, sum string) component {
	url := "pkg:golang/" + path + "@" + version
	c := component{Type: "library", Ref: url, Name: path, Version: version, PURL: url}
	if sum != "" {
		c.Properties = []property{{Name: "go.sum", Value: sum}}
	}
	return c
}
