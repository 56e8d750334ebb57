//go:build tools

// Package tools keeps the command among the requirements of this module.
package tools

import _ "go.etcd.io/etcd/server/v3"
