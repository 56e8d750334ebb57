//go:build tools

// Package tools keeps the judge's command among the requirements of this module.
package tools

import _ "github.com/yannh/kubeconform/cmd/kubeconform"
