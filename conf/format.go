package conf

import (
	"regexp"
	"slices"
	"strings"
)

// Format is a language that a configuration can be written in.
type Format string

// Formats.
const (
	FormatHCL        Format = "hcl"        // vipd's own
	FormatKeepalived Format = "keepalived" // keepalived.conf
	FormatLdirectord Format = "ldirectord" // ldirectord.cf
)

// Formats are all formats.
var Formats = []Format{FormatHCL, FormatKeepalived, FormatLdirectord}

// Words by which a line betrays its format. The blocks of keepalived whose
// names are ours too are told by their label, which has no quotes there.
var (
	keepalivedBlocks = strings.Fields(`global_defs vrrp_script vrrp_track_process vrrp_track_file track_file
		vrrp_track_bfd bfd_instance virtual_server_group static_ipaddress static_routes static_rules
		garp_group net_namespace linkbeat_interfaces interface_up_down_delays namespace_with_ipsets instance`)
	keepalivedKeys = strings.Fields(`state virtual_router_id advert_int virtual_ipaddress authentication auth_type
		auth_pass delay_loop lb_algo lb_kind lvs_sched lvs_method persistence_timeout sorry_server router_id
		interface priority nopreempt notification_email smtp_server`)
	ldirectordKeys = strings.Fields(`virtual virtual6 real real6 checktimeout negotiatetimeout checkinterval checkcount
		checktype failurecount autoreload callback fallback6 fallbackcommand logfile execute supervised fork
		readdquiescent cleanstop emailalert emailalertfrom emailalertfreq emailalertstatus maintenancedir quiescent
		timeout connecttimeout`)

	keyValue  = regexp.MustCompile(`^([A-Za-z0-9_]+)\s*=`)
	bareBlock = regexp.MustCompile(`^(vrrp_instance|vrrp_sync_group|virtual_server)\s+[^"\s{]`)
	include   = regexp.MustCompile(`^(include[a-z]*|import)\s+[^=\s]`)
	parameter = regexp.MustCompile(`^\$[A-Za-z0-9_]+\s*=`)
	condition = regexp.MustCompile(`^@\^?[A-Za-z0-9_.-]+\s`)
)

// DetectFormat tells the format of a file by the first line that can be of one
// format only; our own when there is none.
func DetectFormat(text []byte) Format {
	for line := range strings.Lines(string(text)) {
		if f := formatOf(strings.TrimSpace(line)); f != "" {
			return f
		}
	}
	return FormatHCL
}

// formatOf tells the format of a line, "" when it could be of several.
func formatOf(line string) Format {
	if line == "" || line[0] == '#' || strings.HasPrefix(line, "//") {
		return ""
	}
	if m := keyValue.FindStringSubmatch(line); m != nil {
		if slices.Contains(ldirectordKeys, m[1]) {
			return FormatLdirectord
		}
		return FormatHCL
	}
	word, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case line[0] == '!', parameter.MatchString(line), condition.MatchString(line),
		bareBlock.MatchString(line), include.MatchString(line), slices.Contains(keepalivedBlocks, strings.TrimRight(word, "{")),
		slices.Contains(keepalivedKeys, word):
		return FormatKeepalived
	case word == "supervised" && rest == "":
		return FormatLdirectord
	}
	return ""
}
