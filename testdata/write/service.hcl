version = 1

global {
  autoreload         = true
  realtime_priority  = 0
  startup_delay      = "5s"
  boot_delay         = "40s"
  keep_table_on_stop = true
  keep_on_stop       = true
  umask              = "0027"
  network_namespace  = "servers"
  pid_dir            = "/run/keepalived"
  instance           = "blue"
  reload_file        = "/run/vipd/reload"
  stop_timeout       = "30s"
  other_vrrp_daemon  = "allow"
  maintenance_dir    = "/etc/vipd/maintenance"
  notify_fifo        = "/run/vipd.fifo"
  filter {
    table    = "keepalived"
    priority = 120
  }
  log {
    level  = "debug"
    format = "json"
  }
  scripts {
    user    = "nobody"
    timeout = "10s"
  }
  mail {
    to            = ["ops@example.com"]
    from          = "vipd@example.com"
    server        = "mail.example.com:587"
    security      = "tls"
    username      = "vipd"
    password_file = "/etc/vipd/mail"
  }
}

connection_sync {
  interface  = "eth1"
  follow     = "web"
  both       = true
  id         = 7
  group      = "224.0.0.99"
  port       = 9000
  ttl        = 2
  max_length = 1400
}

ipvs {
  verify_interval           = "1m"
  resolve_interval          = "1m"
  tcp_timeout               = "15m"
  tcp_fin_timeout           = "2m"
  udp_timeout               = "5m"
  network_namespace         = "clients"
  tell_first                = true
  flush_on_start            = true
  flush_on_stop             = true
  ip_forward                = true
  send_redirects            = false
  conntrack                 = true
  expire_nodest_conn        = true
  expire_quiescent_template = false
}

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
}

check "http" "shared" {
  path       = "/health"
  depends_on = "gateway"
}

check "ping" "gateway" {
  address = "192.0.2.1"
}

virtual_server "group" {
  address         = "192.0.2.10:80"
  addresses       = ["192.0.2.11-12:80"]
  fwmark          = 5
  fwmarks         = [6]
  scheduler       = "sh"
  scheduler_flags = ["sh-port"]
  forward         = "masquerade"
  quiescent       = false
  alpha           = true
  omega           = true
  keep_on_stop    = false
  ha_suspend      = true
  slow_start      = "30s"
  drain           = "1m"
  min_up          = "50%"
  fallback        = "192.0.2.99:80"
  checks          = ["shared"]
  require         = 1
  persistence {
    timeout = "10m"
    netmask = "255.255.255.0"
  }
  quorum {
    up         = 2
    hysteresis = 1
    on_up      = ["/usr/bin/true", "up"]
    on_down    = ["/usr/bin/true", "down"]
    user       = "nobody"
  }
  alert {
    down     = ["/usr/bin/true", "{service}"]
    up       = ["/usr/bin/true"]
    after    = "10s"
    every    = "1h"
    per_hour = 10
    mail     = true
    mail_states  = ["down", "up"]
    mail_to      = ["shop@example.com"]
    mail_server  = "mail2.example.com:25"
    mail_during  = ["starting", "running"]
    mail_title   = "the shop"
    mail_comment = "ring twice"
  }
  real_server "192.0.2.21:80" {
    on_up   = ["/usr/bin/true", "up"]
    on_down = ["/usr/bin/true", "down"]
    user    = "daemon:adm"
    mail    = true
    weight          = 5
    quiescent       = true
    alpha           = true
    upper_threshold = 100
    lower_threshold = 80
  }
  real_server "192.0.2.22" {
    weight = 10
  }
}

virtual_server "mixed" {
  address    = "192.0.2.10:5060"
  protocol   = "udp"
  scheduler  = "rr"
  forward    = "tunnel"
  one_packet = true
  min_up     = 1
  persistence {
    engine = "sip"
  }
  tunnel {
    type     = "gue"
    port     = 6080
    checksum = "remote"
  }
  fallback "192.0.2.98" {
    forward = "direct"
    weight  = 3
    inhibit = true
    # what follows is for tunnels only
  }
  real_server "192.0.2.31" {
    checks = ["shared"]
  }
  real_server "192.0.2.32" {
    forward = "direct"
    check "tcp" {}
  }
  real_server "192.0.2.33" {
    tunnel {
      type     = "gre"
      checksum = "full"
    }
  }
}

virtual_server "six" {
  fwmark  = 9
  family  = "ipv6"
  forward = "tunnel"
  fallback "2001:db8::99" {
    tunnel {
      type = "gue"
      port = 6080
      checksum = "full"
    }
  }
  real_server "2001:db8::21" {
    check "ping" {}
    tunnel {
      type = "gue"
      port = 6081
    }
  }
}
