package dump

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/vrrp"
)

// jsonInstance is an instance in keepalived.json.
type jsonInstance struct {
	Data  jsonData `json:"data"`
	Stats stats    `json:"stats"`
}

// jsonData is the configuration and state of an instance, by keepalived's
// names and in its order.
type jsonData struct {
	Name              string      `json:"iname"`
	DontTrackPrimary  int         `json:"dont_track_primary"`
	SkipCheck         int         `json:"skip_check_adv_addr"`
	Strict            int         `json:"strict_mode"`
	VMAC              string      `json:"vmac_ifname"`
	Interface         string      `json:"ifp_ifname"`
	MasterPriority    uint8       `json:"master_priority"`
	LastTransition    json.Number `json:"last_transition"`
	GARPDelay         float64     `json:"garp_delay"`
	GARPRefresh       float64     `json:"garp_refresh"`
	GARPRepeat        int         `json:"garp_rep"`
	GARPRefreshRepeat int         `json:"garp_refresh_rep"`
	GARPLowerDelay    float64     `json:"garp_lower_prio_delay"`
	GARPLowerRepeat   int         `json:"garp_lower_prio_rep"`
	LowerNoAdvert     int         `json:"lower_prio_no_advert"`
	HigherSend        int         `json:"higher_prio_send_advert"`
	VRID              uint8       `json:"vrid"`
	Base              uint8       `json:"base_priority"`
	Effective         uint8       `json:"effective_priority"`
	VIPSet            bool        `json:"vipset"`
	Promote           bool        `json:"promote_secondaries"`
	Interval          float64     `json:"adver_int"`
	MasterInterval    float64     `json:"master_adver_int"`
	Accept            int         `json:"accept"`
	NoPreempt         bool        `json:"nopreempt"`
	PreemptDelay      float64     `json:"preempt_delay"`
	State             int         `json:"state"`
	Want              int         `json:"wantstate"`
	Version           uint8       `json:"version"`
	Mail              bool        `json:"smtp_alert"`
	NotifyDeleted     bool        `json:"notify_deleted"`
	VIPs              []string    `json:"vips,omitempty"`
	EVIPs             []string    `json:"evips,omitempty"`
	AuthType          int         `json:"auth_type"`
	MasterScript      string      `json:"script_master,omitempty"`
	BackupScript      string      `json:"script_backup,omitempty"`
	FaultScript       string      `json:"script_fault,omitempty"`
	StopScript        string      `json:"script_stop,omitempty"`
	Script            string      `json:"script,omitempty"`
}

func number(on bool) int {
	if on {
		return 1
	}
	return 0
}

// JSON returns what keepalived writes to keepalived.json: a list of instances,
// or from version 2 on an object that holds it.
func JSON(s State) ([]byte, error) {
	list := []jsonInstance{}
	for _, in := range s.instances() {
		list = append(list, jsonInstance{in.json(), in.stats})
	}
	var all any = list
	if s.Config.Global.Dump != nil && s.Config.Global.Dump.Version >= 2 {
		all = map[string]any{"vrrp": list}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write state as JSON: %w", err)
	}
	return append(text, '\n'), nil
}

func (in *instance) json() jsonData {
	a, d, state := in.Announce, in.Deviations, words[in.State].number
	delay, repeat := lower(a)
	out := jsonData{
		Name: in.Config.Name, SkipCheck: number(d.TrustMaster), VMAC: in.VMAC.Name, Interface: in.Carrier(),
		MasterPriority: in.MasterPriority, LastTransition: json.Number(fmt.Sprintf("%d.%06d", in.Since.Unix(), in.Since.Nanosecond()/1000)),
		GARPDelay: a.Delay.Seconds(), GARPRefresh: a.Refresh.Seconds(), GARPRepeat: a.Repeat, GARPRefreshRepeat: max(a.RefreshRepeat, 1),
		GARPLowerDelay: delay.Seconds(), GARPLowerRepeat: repeat, LowerNoAdvert: number(d.SilentToLower), HigherSend: number(d.AnswerHigher),
		VRID: in.ID.VRID, Base: in.Config.Priority, Effective: in.Instance.Priority, VIPSet: in.master(), Promote: true,
		Interval: in.Config.AdvertInterval.Seconds(), MasterInterval: in.masterInterval().Seconds(), Accept: number(!in.NoAccept),
		NoPreempt: !in.Config.Preempt, PreemptDelay: in.PreemptDelay.Seconds(), State: state, Want: state, Version: in.Config.Version,
		Mail: in.notify.Mail, NotifyDeleted: len(in.notify.Deleted.Args) > 0, VIPs: in.vips(false), EVIPs: in.vips(true),
		AuthType: map[vrrp.AuthType]int{vrrp.AuthPassword: 1, vrrp.AuthHeader: 2}[in.Config.Auth.Type],
	}
	for program, to := range map[*conf.Program]*string{
		&in.notify.Master: &out.MasterScript, &in.notify.Backup: &out.BackupScript, &in.notify.Fault: &out.FaultScript,
		&in.notify.Stop: &out.StopScript, &in.notify.Any: &out.Script,
	} {
		*to = commandText(program.Args)
	}
	return out
}

func (in *instance) masterInterval() time.Duration {
	if in.master() || in.MasterInterval == 0 {
		return in.Config.AdvertInterval
	}
	return in.MasterInterval
}

// commandText is a command with its words in quotes where they need any.
func commandText(words []string) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += " "
		}
		if quoted := strconv.Quote(w); len(quoted) != len(w)+2 || w == "" {
			w = quoted
		}
		text += w
	}
	return text
}
