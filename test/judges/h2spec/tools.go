//go:build tools

// Package tools keeps the judges' commands among the requirements of this module.
package tools

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "github.com/summerwind/h2spec/cmd/h2specd"
)
