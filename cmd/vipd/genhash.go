package main

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// genhashName is keepalived's tool that prints what `digest` of HTTP_GET wants,
// and the name of the command that stands for it.
const genhashName = "genhash"

// genhash are the flags of keepalived's genhash.
type genhash struct {
	server, port, url, host, version string
	secure, sni, verbose             bool
	seconds, mark                    int
}

func genhashCommand() *cobra.Command {
	var g genhash
	cmd := &cobra.Command{
		Use:   genhashName,
		Short: "Print the digest of a page, for checks that compare it",
		Long: `Print the MD5 digest of the body of a page: what "digest" of an HTTP check wants.
It stands in for keepalived's genhash: keepalived --genhash is the same.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVarP(&g.server, "server", "s", "", "address of the server")
	f.StringVarP(&g.port, "port", "p", "", "its port (default 80, 443 with --use-ssl)")
	f.StringVarP(&g.url, "url", "u", "/", "path to ask for")
	f.StringVarP(&g.host, "use-virtualhost", "V", "", "host to ask for (default: the server)")
	f.BoolVarP(&g.secure, "use-ssl", "S", false, "use TLS")
	f.BoolVarP(&g.sni, "use-sni", "I", false, "name the virtual host in the TLS handshake")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "print the answer, too")
	f.IntVarP(&g.seconds, "timeout", "t", 5, "seconds to wait for the whole answer")
	f.IntVarP(&g.mark, "fwmark", "m", 0, "firewall mark of the packets")
	f.StringVarP(&g.version, "protocol", "P", "1.0", "HTTP protocol: 1.0, 1.0c (asks to close the connection) or 1.1")
	return cmd
}

// run asks for the page and prints its digest.
func (g *genhash) run(ctx context.Context, out io.Writer) error {
	if g.server == "" {
		return usage(errors.New("--server is missing"))
	}
	connection, known := map[string]string{"1.0": "", "1.0c": "Connection: close\r\n", "1.1": "Connection: close\r\n"}[strings.ToLower(g.version)]
	if !known {
		return usage(fmt.Errorf("--protocol %s is none of 1.0, 1.0c, 1.1", g.version))
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(g.seconds)*time.Second)
	defer cancel()
	conn, err := g.dial(ctx)
	if err != nil {
		return problem(fmt.Errorf("connect: %w", err))
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return problem(fmt.Errorf("limit the time: %w", err))
		}
	}
	host := g.host
	if host == "" {
		host = g.server
	}
	request := fmt.Sprintf("GET %s HTTP/%s\r\nUser-Agent: KeepAliveClient\r\nHost: %s\r\n%s\r\n", g.url, g.version[:3], host, connection)
	if _, err := io.WriteString(conn, request); err != nil {
		return problem(fmt.Errorf("ask: %w", err))
	}
	return g.digest(conn, out)
}

// dial connects, with TLS if that is wanted. Who the server is does not matter:
// keepalived's checks do not look at its certificate either.
func (g *genhash) dial(ctx context.Context) (net.Conn, error) {
	port := map[bool]string{false: "80", true: "443"}[g.secure]
	if g.port != "" {
		port = g.port
	}
	d := &net.Dialer{Control: markControl(g.mark)}
	address := net.JoinHostPort(g.server, port)
	if !g.secure {
		return d.DialContext(ctx, "tcp", address)
	}
	config := &tls.Config{InsecureSkipVerify: true}
	if g.sni {
		config.ServerName = g.host
	}
	return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, "tcp", address)
}

// markControl gives packets a firewall mark.
func markControl(mark int) func(string, string, syscall.RawConn) error {
	if mark == 0 {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_MARK, mark) })
		return errors.Join(err, os.NewSyscallError("setsockopt", failed))
	}
}

// digest reads the answer and prints the digest of its body.
func (g *genhash) digest(conn io.Reader, out io.Writer) error {
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return problem(fmt.Errorf("read answer: %w", err))
	}
	defer answer.Body.Close()
	sum := md5.New()
	to := io.Writer(sum)
	if g.verbose {
		fmt.Fprintf(out, "%s %s\n", answer.Proto, answer.Status)
		if err := answer.Header.Write(out); err != nil {
			return problem(fmt.Errorf("print answer: %w", err))
		}
		fmt.Fprintln(out)
		to = io.MultiWriter(sum, out)
	}
	if _, err := io.Copy(to, answer.Body); err != nil {
		return problem(fmt.Errorf("read answer: %w", err))
	}
	fmt.Fprintf(out, "%x\n", sum.Sum(nil))
	return nil
}
