// An application on Go's net/http that reports each whole request in a datagram before it answers.
package main

import (
	"encoding/hex"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where to serve HTTP/1")
	report := flag.String("report", "", "UDP address that hears of each request")
	flag.Parse()
	collector, err := net.Dial("udp", *report)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Addr: *listen,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				// The request was cut or malformed: it was not seen whole.
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			fields := []string{r.Method, hexOf(r.Host), hexOf(r.RequestURI), hex.EncodeToString(body)}
			if _, err := collector.Write([]byte(strings.Join(fields, " "))); err != nil {
				log.Fatal(err)
			}
			w.WriteHeader(http.StatusOK)
		}),
	}
	log.Fatal(server.ListenAndServe())
}

func hexOf(text string) string { return hex.EncodeToString([]byte(text)) }
