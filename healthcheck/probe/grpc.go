package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/vipd/vipd/healthcheck"
)

// grpcPath is the method of the standard health service.
const grpcPath = "/grpc.health.v1.Health/Check"

// Field numbers and the one good value of grpc/health/v1/health.proto.
const (
	fieldService = 1
	fieldStatus  = 1
	serving      = 1
)

var servingStatus = []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}

// prepareGRPC prepares a check that asks the health service of a gRPC server.
func prepareGRPC(s healthcheck.Settings, o Options) (check, error) {
	p := s.Params.(healthcheck.GRPC)
	h := newH2(s, o, p.Authority)
	message := grpcMessage(p.Service)
	header := http.Header{"User-Agent": {"vipd"}, "Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	return func(ctx context.Context, a *attempt) (string, error) {
		conn, client, err := h.open(ctx, a)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		host := p.Authority
		if host == "" {
			host = spoken(a.key.Target).String()
		}
		resp, err := h.ask(ctx, a, client, h2Request{http.MethodPost, host, grpcPath, header}, message)
		if err != nil {
			return "", h2Failure(ctx, err)
		}
		if resp.StatusCode != http.StatusOK {
			return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("HTTP status %d instead of a gRPC answer", resp.StatusCode)}
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxLine))
		if err != nil {
			return "", h2Failure(ctx, err)
		}
		return judgeGRPC(resp, body)
	}, nil
}

// grpcMessage frames a HealthCheckRequest: no compression, length, message.
func grpcMessage(service string) []byte {
	var request []byte
	if service != "" {
		request = protowire.AppendTag(request, fieldService, protowire.BytesType)
		request = protowire.AppendString(request, service)
	}
	framed := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request)))
	return append(framed, request...)
}

// judgeGRPC judges the call's status, which an answer without a message has in
// its header instead of the trailer, and the message.
func judgeGRPC(resp *http.Response, body []byte) (string, error) {
	code, text := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if code == "" {
		code, text = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	switch code {
	case "0":
	case "":
		return "", &failure{healthcheck.ClassProtocol, "the answer has no gRPC status"}
	case "5":
		return "", &failure{healthcheck.ClassStatus, "gRPC status 5: the server does not know this service"}
	case "12":
		return "", &failure{healthcheck.ClassStatus, "gRPC status 12: the server has no health service"}
	default:
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
		return "", &failure{healthcheck.ClassStatus, fmt.Sprintf("gRPC status %s: %s", shorten(code), shorten(text))}
	}
	status, err := parseHealth(body)
	if err != nil {
		return "", &failure{healthcheck.ClassProtocol, err.Error()}
	}
	name := strconv.FormatUint(status, 10)
	if status < uint64(len(servingStatus)) {
		name = servingStatus[status]
	}
	if status != serving {
		return "", &failure{healthcheck.ClassStatus, "gRPC health is " + name}
	}
	return "gRPC health is " + name, nil
}

// parseHealth reads a framed HealthCheckResponse.
func parseHealth(framed []byte) (status uint64, err error) {
	if len(framed) < 5 || framed[0] != 0 || uint64(binary.BigEndian.Uint32(framed[1:])) != uint64(len(framed)-5) {
		return 0, fmt.Errorf("the gRPC answer is not one plain message (%d bytes)", len(framed))
	}
	for rest := framed[5:]; len(rest) > 0; {
		field, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return 0, fmt.Errorf("read gRPC health: %w", protowire.ParseError(n))
		}
		rest = rest[n:]
		if field == fieldStatus && kind == protowire.VarintType {
			if status, n = protowire.ConsumeVarint(rest); n < 0 {
				return 0, fmt.Errorf("read gRPC health: %w", protowire.ParseError(n))
			}
		} else if n = protowire.ConsumeFieldValue(field, kind, rest); n < 0 {
			return 0, fmt.Errorf("read gRPC health: %w", protowire.ParseError(n))
		}
		rest = rest[n:]
	}
	return status, nil
}
