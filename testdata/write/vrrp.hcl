version = 1

track_script "chk" {
  command  = ["/usr/bin/true", "-v"]
  interval = "2s"
  timeout  = "1s"
  rise     = 2
  fall     = 3
  init_fail = true
  user     = "nobody"
}

track_ping "gateway" {
  targets  = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
  require  = "2"
  interval = "2s"
  timeout  = "500ms"
  rise     = 2
  fall     = 4
  hold     = "5s"
}

track_ping "all" {
  targets = ["192.0.2.1", "192.0.2.2"]
  require = "all"
}

track_file "manual" {
  path      = "/run/weight"
  init      = 0
  overwrite = true
}

track_process "nginx" {
  program   = "/usr/sbin/nginx"
  arguments = ["-g", "daemon off;"]
  match     = "prefix"
  full_command = true
  quorum    = 2
  quorum_max = 4
  delay     = "3s"
  up_delay  = "1s"
}

global {
  mail {
    to     = ["ops@example.com"]
    from   = "vipd@example.com"
    server = "mail.example.com:25"
    hello   = "lb.example.com"
    faults  = false
    timeout = "30s"
    name    = "LVS_MAIN"
    style   = "keepalived"
  }
  pipe "/run/vipd/states" {
    only      = "instances"
    reader    = ["/usr/bin/true", "read"]
    user      = "nobody"
    on_reload = true
  }
  keepalived_dump {
    data         = "/run/k.data"
    check_data   = "/run/k_check.data"
    parent_data  = "/run/k_parent.data"
    stats        = "/run/k.stats"
    json         = "/run/k.json"
    json_version = 2
  }
  process "router" {
    name    = "keepalived_vrrp"
    nice    = -5
    cpus    = [0, 1]
    no_swap = true
    run_limit = "10ms"
  }
  process "checker" { realtime_priority = 2 }
  buffer "answers" { size = 100000 }
  buffer "notices" {
    size  = 2000000
    force = true
  }
  buffer "processes" { size = 500000 }
  startup {
    command = ["/usr/bin/true", "up"]
    user    = "nobody"
    timeout = "20s"
  }
  reload_at {
    file   = "/run/vipd/reload-at"
    repeat = true
  }
  files_changed {
    user    = "nobody"
    command = ["/usr/local/sbin/copy", "vipd.hcl"]
    timeout = "20s"
  }
  shutdown {
    user    = "nobody"
    command = ["/usr/bin/true", "down"]
    timeout = "5s"
  }
}

vrrp_instance "web" {
  interface        = "eth0"
  vrid             = 51
  version          = 3
  priority         = 150
  advert_interval  = "500ms"
  virtual_address  = ["192.0.2.10/24", "192.0.2.11/24"]
  excluded_address = ["192.0.2.12/24"]
  preempt          = true
  preempt_delay    = "30s"
  lease            = "heal"
  hand_over        = "immediate"
  checksum         = "plain"
  down_adverts     = 4
  link_down_delay  = "250ms"
  link_up_delay    = "3s"
  probe_duplicates = true
  ignore_carrier   = true
  accept           = false
  receive_buffer   = 65536
  receive_buffer_packets = 3
  deviations       = ["silent_to_lower", "answer_higher", "deaf_owner", "trust_master"]
  source           = "192.0.2.2"
  group            = "224.0.0.20"
  auth "hmac" {
    active_key  = 2
    mode        = "permissive"
    time_window = "20s"
    key "1" { secret = "0123456789abcdef0123456789abcdef" }
    key "2" { secret = "hex:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" }
  }
  vmac {
    name     = "vip0"
    transmit = "base"
  }
  address "192.0.2.11/24" {
    interface = "eth1"
    track     = false
    label     = "eth1:vip"
    broadcast = "192.0.2.255"
    scope     = "link"
    as_source = false
    flags     = ["autojoin", "noprefixroute"]
  }
  address "192.0.2.12/24" {
    peer = "192.0.2.77"
  }
  route "198.51.100.0/24" {
    via       = "192.0.2.1"
    interface = "eth0"
    on_link   = true
    table     = 100
    metric    = 5
    source    = "192.0.2.10"
    mtu       = 1400
    scope     = "site"
    tos       = 16
    realm     = 7
    protocol  = 18
    order     = "append"
    tuning {
      lock                     = ["mss", "mtu"]
      hop_limit                = 9
      mss                      = 1300
      window                   = 65536
      rtt                      = "300ms"
      rtt_variance             = "40ms"
      min_rto                  = "50ms"
      reordering               = 4
      congestion_window        = 20
      slow_start_threshold     = 30
      initial_window           = 11
      initial_receive          = 12
      ecn                      = true
      quick_ack                = true
      fast_open_without_cookie = true
      congestion               = "reno"
    }
  }
  route "0.0.0.0/0" {
    hop {
      via    = "192.0.2.1"
      weight = 2
    }
    hop {
      interface = "eth1"
    }
  }
  route "198.51.101.0/24" { type = "blackhole" }
  rule {
    priority = 100
    table    = 100
    from     = "192.0.2.10"
    to       = "198.51.100.0/24"
    in       = "eth0"
    out      = "eth1"
    mark     = 7
    mask     = 15
    not      = true
  }
  rule {
    priority          = 102
    action            = "goto"
    goto              = 200
    tos               = 16
    tunnel_id         = 5
    realm             = 7
    protocol          = 18
    ip_protocol       = 6
    source_ports      = "1024-65535"
    destination_ports = "80"
    users             = "0-999"
    min_prefix        = 1
    not_group         = 3
  }
  rule {
    priority  = 103
    l3_master = true
  }
  rule {
    priority = 101
    action   = "prohibit"
    family   = "ipv6"
    mark     = 8
  }
  track "interface" "eth1" {
    weight   = -20
    debounce = "2s"
  }
  track "script" "chk" { reverse = true }
  track "process" "nginx" { weight = 5 }
  track "file" "manual" { weight = 1 }
  track "ping" "gateway" {}
  track "virtual_server" "svc" {}
  notify {
    master  = ["/usr/bin/true", "m"]
    backup  = ["/usr/bin/true", "b"]
    fault   = ["/usr/bin/true", "f"]
    stop    = ["/usr/bin/true", "s"]
    deleted = ["/usr/bin/true", "d"]
    any     = ["/usr/bin/true", "a"]
    mail    = true
    lower_priority   = ["/usr/bin/true", "l"]
    priority_changes = true
    user             = "nobody"
  }
}

vrrp_instance "inside" {
  interface       = "eth1"
  vrid            = 52
  priority        = 150
  preempt         = false
  virtual_address = ["192.0.3.10/24"]
  unicast {
    peers        = ["192.0.3.3", "192.0.3.4"]
    check_source = false
    ttl          = 64
    need_peers   = true
    min_ttl      = 60
  }
  auth "password" { secret = "s3cr3t" }
  garp {
    repeat         = 3
    delay          = "2s"
    refresh        = "30s"
    refresh_repeat = 2
    extra          = "1m"
    extra_all      = true
    interval       = "10ms"
    pace           = "switch1"
    lower_repeat   = 2
    lower_delay    = "3s"
    interfaces     = ["eth2"]
  }
}

vrrp_instance "both" {
  interface       = "eth2"
  vrid            = 53
  virtual_address = ["192.0.4.10/24", "fe80::35/64", "2001:db8::10/64"]
}

vrrp_instance "ah" {
  interface       = "eth2"
  vrid            = 54
  virtual_address = ["192.0.4.11/24"]
  auth "ah" { secret = "12345678" }
}

vrrp_instance "clock" {
  interface       = "eth2"
  vrid            = 55
  virtual_address = ["192.0.4.12/24"]
  auth "hmac" {
    anti_replay = "monotonic"
    key "1" { secret = "0123456789abcdef0123456789abcdef" }
  }
}

vrrp_sync_group "edge" {
  members = ["web", "inside"]
  track "interface" "eth3" {}
  track "ping" "all" {
    weight  = -5
    reverse = true
  }
  notify {
    master = ["/usr/bin/true"]
    backup = ["/usr/bin/true"]
    fault  = ["/usr/bin/true"]
    program "backup" { user = "nobody" }
    program "fault"  { user = "daemon:adm" }
  }
}

static {
  address "192.0.2.5/24" {
    interface = "eth0"
    scope     = "link"
  }
  address "2001:db8::5/64" {
    interface         = "eth0"
    detect_duplicates = true
    as_source         = true
  }
  route "203.0.113.0/24" { via = "192.0.2.1" }
  route "203.0.113.0/25" { via = "2001:db8::1" }
  route "2001:db8:1::/48" {
    via        = "2001:db8::1"
    from       = "2001:db8:2::/48"
    preference = "high"
    expires    = "1h0m0s"
  }
  rule {
    priority = 99
    table    = 99
  }
}

virtual_server "svc" {
  address = "192.0.2.10:80"
  forward = "direct"
  real_server "192.0.2.21" {
    check "on" {}
  }
}
