package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// daemon is what is measured.
type daemon interface {
	// start runs it with checks of every target at the load.
	start(dir string, l load) (*exec.Cmd, error)
	// checker returns the process that checks.
	checker(pid int) (int, error)
	// adverts returns how many adverts it has sent, and how late they were.
	adverts(dir string) adverts
}

// adverts are counters of the role that must not suffer from checks.
type adverts struct {
	Sent uint64        `json:"adverts_sent"`
	Late time.Duration `json:"lateness_sum_ns"`
}

// since returns the mean lateness after before; negative when that is unknown.
func (a adverts) since(before adverts) time.Duration {
	if a.Sent <= before.Sent {
		return -1
	}
	return (a.Late - before.Late) / time.Duration(a.Sent-before.Sent)
}

// endpoint returns address and port of real server number i; the first is the
// special one.
func endpoint(i int) (address string, port int) {
	if i == 0 {
		return "10.9.255.1", 8000
	}
	return fmt.Sprintf("10.9.%d.%d", 1+i/250, 1+i%250), 8001
}

type keepalived struct{}

func (keepalived) adverts(string) adverts { return adverts{} }

func (keepalived) checker(pid int) (int, error) {
	// Without VRRP its only child is the checker.
	return child(pid, "keepalived")
}

func (keepalived) start(dir string, l load) (*exec.Cmd, error) {
	check := "TCP_CHECK {\n connect_timeout 3\n }"
	if l.kind == httpChecks {
		check = "HTTP_GET {\n url {\n path /\n status_code 200\n }\n connect_timeout 3\n }"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global_defs {\n checker_log_all_failures off\n}\nvirtual_server 10.9.254.1 80 {\n delay_loop %g\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n inhibit_on_failure\n",
		l.interval.Seconds())
	for i := range l.servers {
		address, port := endpoint(i)
		fmt.Fprintf(&b, " real_server %s %d {\n weight 1\n inhibit_on_failure\n retry 1\n delay_before_retry 1\n %s\n }\n", address, port, check)
	}
	b.WriteString("}\n")
	conf := filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(conf, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	return run(dir, "keepalived", "-n", "-C", "-f", conf, "-p", filepath.Join(dir, "k"), "-c", filepath.Join(dir, "c"))
}

type ours struct{ binary string }

func (o ours) adverts(dir string) adverts {
	var status struct {
		Instances []struct {
			Counters adverts `json:"counters"`
		} `json:"instances"`
	}
	// Its exit status says whether all is well, which is not the question.
	out, _ := exec.Command(o.binary, "status", "--json", "--runtime-dir", filepath.Join(dir, "run")).Output()
	if json.Unmarshal(out, &status) != nil || len(status.Instances) == 0 {
		return adverts{}
	}
	return status.Instances[0].Counters
}

func (ours) checker(pid int) (int, error) { return child(pid, "role checker") }

func (o ours) start(dir string, l load) (*exec.Cmd, error) {
	var b strings.Builder
	b.WriteString("version = 1\nvrrp_instance \"bench\" {\n interface = \"bench0\"\n vrid = 77\n priority = 100\n version = 3\n advert_interval = \"100ms\"\n virtual_address = [\"192.0.2.77/24\"]\n}\n")
	if l.kind != noChecks {
		o.checks(&b, l)
	}
	conf := filepath.Join(dir, "vipd.hcl")
	if err := os.WriteFile(conf, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	return run(dir, o.binary, "run", "-f", conf, "--runtime-dir", filepath.Join(dir, "run"), "--state-dir", filepath.Join(dir, "state"))
}

// checks writes a virtual server with checks of every target.
func (ours) checks(b *strings.Builder, l load) {
	fmt.Fprintf(b, "virtual_server \"bench\" {\n address = \"10.9.254.1:80\"\n forward = \"masquerade\"\n check %q {\n interval = %q\n timeout = \"3s\"\n fall = 2\n retry_interval = \"1s\"\n }\n",
		l.kind, l.interval)
	for i := range l.servers {
		address, port := endpoint(i)
		fmt.Fprintf(b, " real_server \"%s:%d\" {}\n", address, port)
	}
	b.WriteString("}\n")
}

// run starts a daemon; what it says goes to a file.
func run(dir, program string, args ...string) (*exec.Cmd, error) {
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, cmd.Start()
}

// stop ends a daemon in the ordinary way, or by force.
func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer kill.Stop()
	_ = cmd.Wait() // by our signal
}
