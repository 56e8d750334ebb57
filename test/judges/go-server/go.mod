module remora.dev/test/judges/go-server

go 1.26.0
