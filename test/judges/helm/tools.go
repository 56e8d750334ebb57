//go:build tools

// Package tools keeps the judge's command among the requirements of this module.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
