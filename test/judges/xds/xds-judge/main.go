// Istio's own delta xDS client as a judge of our control plane. It subscribes, prints one JSON line for each
// resource that comes or goes, acknowledges, refuses what it is told to, and reconnects when its stream ends.
//
//	xds-judge ADDRESS CHAIN.pem KEY.pem ROOT.pem [-reject=NAME] [ADDRESS-KEY...]   without keys: everything
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"istio.io/istio/pkg/adsc"
	"istio.io/istio/pkg/backoff"
	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"
)

type line struct {
	Event   string          `json:"event"`
	Type    string          `json:"type"`
	Name    string          `json:"name"`
	Version string          `json:"version,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 4 {
		return errors.New("see the head of main.go")
	}
	config, err := tlsConfig(args[1], args[2], args[3])
	if err != nil {
		return err
	}
	reject := ""
	options := []adsc.Option{adsc.Watch[*security.Authorization]("*")}
	keys := args[4:]
	if len(keys) > 0 && strings.HasPrefix(keys[0], "-reject=") {
		reject, keys = strings.TrimPrefix(keys[0], "-reject="), keys[1:]
	}
	if len(keys) == 0 {
		keys = []string{"*"}
	}
	for _, key := range keys {
		options = append(options, adsc.Watch[*workloadapi.Address](key))
	}
	options = append(options, register[*workloadapi.Address]("Address", reject))
	options = append(options, register[*security.Authorization]("Authorization", reject))
	client := adsc.NewDeltaWithBackoffPolicy(args[0], &adsc.DeltaADSConfig{Config: adsc.Config{
		Namespace: "shop",
		Workload:  "judge",
		GrpcOpts:  []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(config))},
	}}, quick{}, options...)
	client.Run(context.Background())
	return nil
}

func register[T proto.Message](kind, reject string) adsc.Option {
	return adsc.Register(func(ctx adsc.HandlerContext, name, version string, message T, event adsc.Event) {
		out := line{Event: event.String(), Type: kind, Name: name, Version: version}
		if event == adsc.EventAdd {
			body, err := protojson.Marshal(message)
			if err != nil {
				ctx.Reject(err)
				return
			}
			out.Body = body
			if name == reject {
				ctx.Reject(fmt.Errorf("%s: refused by the judge", name))
				out.Event = "reject"
			}
		}
		text, _ := json.Marshal(out)
		fmt.Println(string(text))
	})
}

// The chain is checked, the host's name is not: a SPIFFE identity is no host.
func tlsConfig(chainFile, keyFile, rootFile string) (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(chainFile, keyFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no root in " + rootFile)
	}
	return &tls.Config{
		Certificates:       []tls.Certificate{own},
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			intermediates := x509.NewCertPool()
			for _, certificate := range state.PeerCertificates[1:] {
				intermediates.AddCert(certificate)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
				Roots:         roots,
				Intermediates: intermediates,
			})
			return err
		},
	}, nil
}

// quick reconnects without a test having to wait.
type quick struct{}

func (quick) NextBackOff() time.Duration { return 50 * time.Millisecond }
func (quick) Reset()                     {}
func (quick) RetryWithContext(context.Context, func() error) error {
	return errors.New("not used")
}

var _ backoff.BackOff = quick{}
