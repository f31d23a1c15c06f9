//go:build !unix

package codestore

import "io/fs"

// trusted leaves it to the folder that this one is in: only Unix has modes that tell who may write.
func trusted(fs.FileInfo) error { return nil }
