package configdoc

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
)

// Source is where the comments are: the Go files of one Go module.
type Source struct {
	Module string // its path, such as github.com/loom-gateway/loom
	Dir    string // its folder

	structs map[string]map[string]*ast.GenDecl // by package and name
}

// field is one that JSON may have.
type field struct {
	reflect.StructField
	json string
	doc  string
}

// owns tells whether a type is declared in the module.
func (s *Source) owns(t reflect.Type) bool {
	return t.PkgPath() == s.Module || strings.HasPrefix(t.PkgPath(), s.Module+"/")
}

func (s *Source) typeDoc(t reflect.Type) (string, error) {
	decl, err := s.find(t)
	if err != nil {
		return "", err
	}
	if decl.Doc.Text() == "" {
		return "", fmt.Errorf("%s has no comment: say what it is for", t)
	}
	return strings.TrimSpace(decl.Doc.Text()), nil
}

// fields are those of a struct, and of the structs that are embedded in it, in their order.
func (s *Source) fields(t reflect.Type) (list []field, err error) {
	docs, err := s.fieldDocs(t)
	if err != nil {
		return nil, err
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			embedded, err := s.fields(f.Type)
			if err != nil {
				return nil, err
			}
			list = append(list, embedded...)
		case !f.IsExported() || name == "" || name == "-":
		case docs[f.Name] == "":
			return nil, fmt.Errorf("%s.%s (%q in JSON) has no comment: say what it does, and end with \"Default: …\" or \"Required.\"", t, f.Name, name)
		default:
			list = append(list, field{f, name, docs[f.Name]})
		}
	}
	return list, nil
}

// fieldDocs are the comments by field.
func (s *Source) fieldDocs(t reflect.Type) (map[string]string, error) {
	decl, err := s.find(t)
	if err != nil {
		return nil, err
	}
	body, ok := decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
	if !ok {
		return nil, fmt.Errorf("%s is not written as a struct", t)
	}
	docs := map[string]string{}
	for _, f := range body.Fields.List {
		for _, name := range f.Names {
			docs[name.Name] = strings.TrimSpace(f.Doc.Text())
		}
	}
	return docs, nil
}

func (s *Source) find(t reflect.Type) (*ast.GenDecl, error) {
	if !s.owns(t) {
		return nil, fmt.Errorf("%s is not of %s", t, s.Module)
	}
	decls, ok := s.structs[t.PkgPath()]
	if !ok {
		var err error
		if decls, err = parsePackage(filepath.Join(s.Dir, strings.TrimPrefix(t.PkgPath(), s.Module))); err != nil {
			return nil, err
		}
		if s.structs == nil {
			s.structs = map[string]map[string]*ast.GenDecl{}
		}
		s.structs[t.PkgPath()] = decls
	}
	if decls[t.Name()] == nil {
		return nil, fmt.Errorf("the type %s is not in the sources", t)
	}
	return decls[t.Name()], nil
}

// parsePackage lists the types that are declared one by one.
func parsePackage(dir string) (map[string]*ast.GenDecl, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("looking for sources: %w", err)
	}
	decls := map[string]*ast.GenDecl{}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parsing the source: %w", err)
		}
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.GenDecl); ok && decl.Tok == token.TYPE && len(decl.Specs) == 1 {
				decls[decl.Specs[0].(*ast.TypeSpec).Name.Name] = decl
			}
		}
	}
	return decls, nil
}
