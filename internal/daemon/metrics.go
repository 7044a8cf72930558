package daemon

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vipd/vipd/internal/daemon/api"
	"github.com/vipd/vipd/vrrp"
)

// metric is one family of /v1/metrics: its description and how to read its
// samples out of a status.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(api.Status, emit)
}

// emit adds one sample with the label values of its family.
type emit func(value float64, labels ...string)

// collector turns one status into all metrics at the time of a scrape, so
// that metrics and `vipd status` can never disagree.
type collector struct {
	status func(context.Context) api.Status
}

// metricsRegistry returns the registry behind GET /v1/metrics.
func (s *supervisor) metricsRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(&collector{status: s.status})
	return reg
}

// Describe sends the descriptions of all families.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range metrics {
		ch <- m.desc
	}
}

// Collect reads one status and sends its samples.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	st := c.status(context.Background())
	for _, m := range metrics {
		m.read(st, func(v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
		})
	}
}

func counter(name, help string, read func(api.Status, emit), labels ...string) metric {
	return metric{prometheus.NewDesc("vipd_"+name, help, labels, nil), prometheus.CounterValue, read}
}

func gauge(name, help string, read func(api.Status, emit), labels ...string) metric {
	return metric{prometheus.NewDesc("vipd_"+name, help, labels, nil), prometheus.GaugeValue, read}
}

// perInstance reads one value of every instance.
func perInstance(f func(api.Instance) float64) func(api.Status, emit) {
	return func(st api.Status, e emit) {
		for _, in := range st.Instances {
			e(f(in), in.Name, in.Family)
		}
	}
}

// metrics are all families, in the order of docs/operations.md.
var metrics = []metric{
	gauge("info", "Always 1; the labels tell what runs.", func(st api.Status, e emit) { e(1, st.Version, st.Director) }, "version", "director"),
	gauge("reload_success", "1 when the last load of the configuration was applied.", func(st api.Status, e emit) { e(number(st.Reload.OK)) }),
	gauge("reload_timestamp_seconds", "When the configuration was last loaded.", func(st api.Status, e emit) { e(float64(st.Reload.At.UnixNano()) / 1e9) }),
	counter("reload_failures_total", "Reloads that were rejected or applied in part.", func(st api.Status, e emit) { e(float64(st.Reload.Failed)) }),
	gauge("role_up", "1 while the role runs.", readRoleUp, "role"),
	counter("role_restarts_total", "Restarts of a role that ended unasked.", readRoleRestarts, "role"),
	gauge("vrrp_state", "1 for the state the instance is in.", readStates, "instance", "family", "state"),
	counter("vrrp_transitions_total", "Transitions of an instance into a state.", readTransitions, "instance", "family", "to"),
	gauge("vrrp_priority", "Priority in force.", perInstance(func(in api.Instance) float64 { return float64(in.Priority) }), "instance", "family"),
	gauge("vrrp_base_priority", "Priority as configured.", perInstance(func(in api.Instance) float64 { return float64(in.BasePriority) }), "instance", "family"),
	gauge("vrrp_standby", "1 while an operator's standby is in force.", perInstance(func(in api.Instance) float64 { return number(in.Standby != nil) }), "instance", "family"),
	gauge("vrrp_track_up", "1 while the tracked thing is up, 0 while it is down; absent while that is unknown.", readTrackStates, "instance", "family", "kind", "track"),
	gauge("vrrp_track_priority", "What the tracked thing adds to the priority.", readTrackDeltas, "instance", "family", "kind", "track"),
	gauge("vrrp_track_fault", "1 while the tracked thing keeps the instance in fault.", readTrackFaults, "instance", "family", "kind", "track"),
	counter("track_looks_total", "Looks at a tracked thing.", readLooks, "kind", "track", "result"),
	counter("vrrp_adverts_sent_total", "Adverts sent.", perInstance(func(in api.Instance) float64 { return float64(in.Counters.AdvertsSent) }), "instance", "family"),
	counter("vrrp_adverts_received_total", "Adverts accepted.", perInstance(func(in api.Instance) float64 { return float64(in.Counters.AdvertsReceived) }), "instance", "family"),
	counter("vrrp_adverts_late_total", "Adverts sent more than a tenth of the interval late.", perInstance(func(in api.Instance) float64 { return float64(in.Counters.AdvertsLate) }), "instance", "family"),
	counter("vrrp_advert_lateness_seconds_total", "Lateness of all adverts, added up.", perInstance(func(in api.Instance) float64 { return in.Counters.LatenessSum.Seconds() }), "instance", "family"),
	gauge("vrrp_advert_lateness_max_seconds", "Lateness of the latest advert so far.", perInstance(func(in api.Instance) float64 { return in.Counters.LatenessMax.Seconds() }), "instance", "family"),
	counter("vrrp_send_errors_total", "Adverts that could not be sent.", perInstance(func(in api.Instance) float64 { return float64(in.Counters.SendErrors) }), "instance", "family"),
	counter("vrrp_addresses_in_use_total", "Virtual addresses that another host used when they were claimed.", perInstance(func(in api.Instance) float64 { return float64(in.Counters.AddressesInUse) }), "instance", "family"),
	counter("vrrp_dropped_total", "Rejected packets with the VRID of an instance.", readDrops, "instance", "family", "reason"),
	counter("vrrp_stray_total", "Rejected packets that belong to no instance.", readStrays, "interface", "reason"),
	gauge("vrrp_address_held", "1 while the virtual address is on this host.", readAddresses, "instance", "family", "address"),
	counter("vrrp_address_put_backs_total", "Times the address was removed by somebody else and put back.", readPutBacks, "instance", "family", "address"),
	gauge("ipvs_real_server_weight", "Weight in the kernel; absent when the kernel does not have it.", readWeights, "service", "real_server"),
	gauge("ipvs_real_server_up", "1 when all checks of the real server pass.", readVerdicts, "service", "real_server"),
	gauge("ipvs_available_real_servers", "Real servers that get new connections.", perService(func(s api.Service) float64 { return float64(s.Available) }), "service"),
	gauge("ipvs_fallback_active", "1 while the fallback serves.", perService(func(s api.Service) float64 { return number(s.FallbackActive) }), "service"),
	gauge("ipvs_quorum", "1 while the virtual server has its quorum.", perService(func(s api.Service) float64 { return number(s.Quorum) }), "service"),
	gauge("ipvs_weight", "Sum of weights that counts for the quorum.", perService(func(s api.Service) float64 { return float64(s.Weight) }), "service"),
	gauge("ipvs_overrides", "Real servers with an operator's weight.", perService(overridden), "service"),
	counter("ipvs_drift_total", "Changes that others made to services of vipd.", func(st api.Status, e emit) { e(float64(st.IPVS.Drift)) }),
	gauge("ipvs_foreign_services", "Services of others in the kernel's table.", func(st api.Status, e emit) { e(float64(len(st.IPVS.Foreign))) }),
	counter("ipvs_connections_total", "Connections scheduled.", perService(func(s api.Service) float64 { return float64(s.Connections) }), "service"),
	counter("check_results_total", "Results of a real server's checks.", readCheckResults, "service", "real_server", "kind", "result"),
	gauge("check_duration_seconds", "Duration of the last probe.", readCheckDurations, "service", "real_server", "kind"),
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func readStates(st api.Status, e emit) {
	for _, in := range st.Instances {
		for s := vrrp.StateInitialize; s <= vrrp.StateMaster; s++ {
			e(number(in.State == s), in.Name, in.Family, s.String())
		}
	}
}

func readTransitions(st api.Status, e emit) {
	for _, in := range st.Instances {
		for to, n := range in.Counters.TransitionsTo {
			e(float64(n), in.Name, in.Family, to)
		}
	}
}

func readDrops(st api.Status, e emit) {
	for _, in := range st.Instances {
		for reason, n := range in.Counters.Dropped {
			e(float64(n), in.Name, in.Family, string(reason))
		}
	}
}

func readStrays(st api.Status, e emit) {
	for _, s := range st.Strays {
		for reason, n := range s.Dropped {
			e(float64(n), s.Interface, string(reason))
		}
	}
}
