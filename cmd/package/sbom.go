package main

import (
	"bytes"
	"debug/buildinfo"
	"runtime/debug"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// billOfMaterials lists the modules that are really linked into the binaries, as the Go linker has noted them there. It has no serial
// number and no time: both would differ from build to build. https://cyclonedx.org/docs/1.6/json/
func billOfMaterials(version string, infos ...*buildinfo.BuildInfo) ([]byte, error) {
	self := cyclonedx.Component{
		Type: cyclonedx.ComponentTypeApplication, BOMRef: product, Name: product, Version: version,
		Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "MIT"}}},
	}
	components := []cyclonedx.Component{library("stdlib", goVersion(infos[0]), "")}
	for _, module := range linked(infos...) {
		components = append(components, library(module.Path, module.Version, module.Sum))
	}
	var references []string
	for _, component := range components {
		references = append(references, component.BOMRef)
	}
	list := cyclonedx.NewBOM()
	list.Metadata = &cyclonedx.Metadata{Component: &self}
	list.Components = &components
	list.Dependencies = &[]cyclonedx.Dependency{{Ref: self.BOMRef, Dependencies: &references}}

	var out bytes.Buffer
	// Not the newest version of the form: scanners learn those later.
	err := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).
		EncodeVersion(list, cyclonedx.SpecVersion1_6)
	return out.Bytes(), err
}

func library(path, version, sum string) cyclonedx.Component {
	url := "pkg:golang/" + path + "@" + version
	c := cyclonedx.Component{Type: cyclonedx.ComponentTypeLibrary, BOMRef: url, Name: path, Version: version, PackageURL: url}
	if sum != "" {
		c.Properties = &[]cyclonedx.Property{{Name: "go.sum", Value: sum}}
	}
	return c
}

// linked returns the modules whose code is in any of the binaries, beside the functions' own, by their paths.
func linked(infos ...*buildinfo.BuildInfo) []*debug.Module {
	var modules []*debug.Module
	for _, info := range infos {
		for _, module := range info.Deps {
			if module.Replace != nil {
				module = module.Replace
			}
			same := func(other *debug.Module) bool { return other.Path == module.Path } // all are built from one go.mod
			if !slices.ContainsFunc(modules, same) {
				modules = append(modules, module)
			}
		}
	}
	slices.SortFunc(modules, func(a, b *debug.Module) int { return strings.Compare(a.Path, b.Path) })
	return modules
}

// goVersion is that of the standard library as scanners look it up, which call it stdlib: 1.26.8, without the experiments that can
// follow.
func goVersion(info *buildinfo.BuildInfo) string {
	version, _, _ := strings.Cut(info.GoVersion, " ")
	return strings.TrimPrefix(version, "go")
}
