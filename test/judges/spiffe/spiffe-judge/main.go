// Judges SVIDs by go-spiffe: offline, and as either end of a TLS connection.
//
//	spiffe-judge verify CHAIN.pem KEY.pem BUNDLE.pem TRUST-DOMAIN   prints the SPIFFE ID
//	spiffe-judge dial   CHAIN.pem KEY.pem BUNDLE.pem TRUST-DOMAIN PEER-ID ADDRESS   prints what the peer sends
//	spiffe-judge listen CHAIN.pem KEY.pem BUNDLE.pem TRUST-DOMAIN PEER-ID   prints its address, greets one peer
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 5 {
		return errors.New("see the head of main.go")
	}
	domain, err := spiffeid.TrustDomainFromString(args[4])
	if err != nil {
		return err
	}
	bundle, err := x509bundle.Load(domain, args[3])
	if err != nil {
		return err
	}
	if args[0] == "verify" {
		return verify(args[1], bundle)
	}
	svid, err := x509svid.Load(args[1], args[2])
	if err != nil {
		return err
	}
	peer, err := spiffeid.FromString(args[5])
	if err != nil {
		return err
	}
	if args[0] == "dial" {
		return dial(svid, bundle, peer, args[6])
	}
	return listen(svid, bundle, peer)
}

func verify(chainFile string, bundle *x509bundle.Bundle) error {
	text, err := os.ReadFile(chainFile)
	if err != nil {
		return err
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		chain = append(chain, certificate)
	}
	id, _, err := x509svid.Verify(chain, bundle)
	if err != nil {
		return err
	}
	fmt.Println(id)
	return nil
}

func dial(svid *x509svid.SVID, bundle *x509bundle.Bundle, peer spiffeid.ID, address string) error {
	config := tlsconfig.MTLSClientConfig(svid, bundle, tlsconfig.AuthorizeID(peer))
	connection, err := tls.Dial("tcp", address, config)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = io.Copy(os.Stdout, connection)
	return err
}

func listen(svid *x509svid.SVID, bundle *x509bundle.Bundle, peer spiffeid.ID) error {
	config := tlsconfig.MTLSServerConfig(svid, bundle, tlsconfig.AuthorizeID(peer))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	connection, err := listener.Accept()
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.(*tls.Conn).HandshakeContext(context.Background()); err != nil {
		return err
	}
	_, err = io.WriteString(connection, "hello from go-spiffe")
	return err
}
