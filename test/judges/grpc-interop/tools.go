//go:build tools

// Package tools names the commands of this judge, so that go.mod and go.sum keep what they need.
package tools

import (
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
