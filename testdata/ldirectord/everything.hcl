version = 1

global {
  keep_table_on_stop = true
  maintenance_dir    = "/etc/ha.d/maintenance"

  # everything.cf:7
  files_changed {
    command = ["/usr/local/sbin/copy", "everything.cf"]
  }

  # everything.cf:18
  mail {
    to       = ["ops@example.com"]
    from     = "lb1@example.com"
    server   = "mail.example.com:25"
    security = "none"
    style    = "ldirectord"
  }
}

# everything.cf:26
virtual_server "Shop-secure" {
  address         = "192.0.2.10:443"
  scheduler       = "sh"
  scheduler_flags = ["sh-port", "sh-fallback"]
  forward         = "masquerade"
  quiescent       = true
  alpha           = true
  keep_on_stop    = false
  fallback        = "192.0.2.99:443"

  # everything.cf:54
  persistence {
    timeout = "10m"
    netmask = "255.255.255.0"
  }

  # everything.cf:37
  quorum {
    on_up   = ["/usr/local/sbin/shop-alone", "stop", "192.0.2.10:443", "tcp"]
    on_down = ["/usr/local/sbin/shop-alone", "start", "192.0.2.10:443", "tcp"]
  }

  # everything.cf:40
  alert {
    mail         = true
    per_hour     = 0
    mail_to      = ["shop@example.com"]
    mail_server  = "mail2.example.com:25"
    mail_during  = ["starting", "running", "stopping", "reloading"]
    mail_title   = "Shop, secure"
    mail_comment = "the shop"
    every        = "1m"
  }

  # everything.cf:48
  check "https" {
    interval     = "7s"
    timeout      = "3s"
    fall         = 2
    cheap        = 4
    log_file     = "/var/log/shop"
    path         = "/health?full=1"
    virtual_host = "shop.example.com"
    expect       = "ok|fine"
    redirects    = 7
  }

  # everything.cf:29
  real_server "192.0.2.21:443" {
    weight          = 5
    upper_threshold = 100
    lower_threshold = 80
  }

  # everything.cf:29
  real_server "192.0.2.22:443" {
    weight          = 5
    upper_threshold = 100
    lower_threshold = 80
  }

  # everything.cf:29
  real_server "192.0.2.23:443" {
    weight          = 5
    upper_threshold = 100
    lower_threshold = 80
  }

  # everything.cf:30
  real_server "192.0.2.24:8443" {
    check "https" {
      interval     = "7s"
      timeout      = "3s"
      fall         = 2
      cheap        = 4
      log_file     = "/var/log/shop"
      path         = "/status"
      virtual_host = "shop.example.com"
      expect       = "fine"
      redirects    = 7
    }
  }
}

# everything.cf:58
virtual_server "fwmark-7" {
  fwmark    = 7
  scheduler = "wrr"
  forward   = "tunnel"
  quiescent = false
  alpha     = true
  fallback  = "127.0.0.1:8080"

  # everything.cf:10
  quorum {
    on_up   = ["/usr/local/sbin/alone", "stop", "7", "fwm"]
    on_down = ["/usr/local/sbin/alone", "start", "7", "fwm"]
  }

  # everything.cf:18
  alert {
    mail        = true
    per_hour    = 0
    mail_during = ["running"]
  }

  # everything.cf:62
  check "tcp" {
    interval = "20s"
    timeout  = "4s"
    fall     = 3
    port     = 8080
  }

  real_server "192.0.2.31" {} # everything.cf:59

  # everything.cf:60
  real_server "192.0.2.32" {
    weight  = 2
    forward = "direct"
  }
}

# everything.cf:65
virtual_server "2001-db8-10-25" {
  address   = "[2001:db8::10]:25"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true
  fallback  = "[2001:db8::99]:25"

  # everything.cf:10
  quorum {
    on_up   = ["/usr/local/sbin/alone", "stop", "[2001:db8::10]:25", "tcp"]
    on_down = ["/usr/local/sbin/alone", "start", "[2001:db8::10]:25", "tcp"]
  }

  # everything.cf:18
  alert {
    mail        = true
    per_hour    = 0
    mail_during = ["running"]
  }

  check "smtp" {
    interval = "20s"
    timeout  = "6s"
    fall     = 3
  }

  real_server "[2001:db8::21]:25" {} # everything.cf:66
}

# everything.cf:69
virtual_server "192.0.2.11-53-udp" {
  address    = "192.0.2.11:53"
  protocol   = "udp"
  scheduler  = "wrr"
  forward    = "masquerade"
  one_packet = true
  quiescent  = false
  alpha      = true
  fallback   = "127.0.0.1"

  # everything.cf:10
  quorum {
    on_up   = ["/usr/local/sbin/alone", "stop", "192.0.2.11:53", "udp"]
    on_down = ["/usr/local/sbin/alone", "start", "192.0.2.11:53", "udp"]
  }

  # everything.cf:18
  alert {
    mail        = true
    per_hour    = 0
    mail_during = ["running"]
  }

  check "dns" {
    interval = "20s"
    timeout  = "6s"
    fall     = 3
    name     = "www.example.com"
    type     = "A"
    expect   = "\\s192\\.0\\.2\\.80$"
  }

  real_server "192.0.2.41:53" {} # everything.cf:70
}

# everything.cf:75
virtual_server "192.0.2.12-389" {
  address   = "192.0.2.12:389"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true
  fallback  = "127.0.0.1"

  # everything.cf:10
  quorum {
    on_up   = ["/usr/local/sbin/alone", "stop", "192.0.2.12:389", "tcp"]
    on_down = ["/usr/local/sbin/alone", "start", "192.0.2.12:389", "tcp"]
  }

  # everything.cf:18
  alert {
    mail        = true
    per_hour    = 0
    mail_during = ["running"]
  }

  check "ldap" {
    interval = "20s"
    timeout  = "4s"
    fall     = 3
    user     = "cn=probe"
    password = "hush"
    base     = "dc=example,dc=com"
    expect   = "dc=example"
  }

  real_server "192.0.2.51:389" {} # everything.cf:76
}

# everything.cf:83
virtual_server "192.0.2.12-1812-udp" {
  address   = "192.0.2.12:1812"
  protocol  = "udp"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true
  fallback  = "127.0.0.1"

  # everything.cf:10
  quorum {
    on_up   = ["/usr/local/sbin/alone", "stop", "192.0.2.12:1812", "udp"]
    on_down = ["/usr/local/sbin/alone", "start", "192.0.2.12:1812", "udp"]
  }

  # everything.cf:18
  alert {
    mail        = true
    per_hour    = 0
    mail_during = ["running"]
  }

  check "radius" {
    interval = "20s"
    timeout  = "4s"
    fall     = 3
    user     = "probe"
    password = "hush"
    secret   = "testing123"
  }

  real_server "192.0.2.51:1812" {} # everything.cf:85
}

# everything.cf:90
virtual_server "192.0.2.12-3306" {
  address   = "192.0.2.12:3306"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true
  fallback  = "127.0.0.1"

  # everything.cf:10
  quorum {
    on_up   = ["/usr/local/sbin/alone", "stop", "192.0.2.12:3306", "tcp"]
    on_down = ["/usr/local/sbin/alone", "start", "192.0.2.12:3306", "tcp"]
  }

  # everything.cf:18
  alert {
    mail        = true
    per_hour    = 0
    mail_during = ["running"]
  }

  check "mysql" {
    interval = "20s"
    timeout  = "6s"
    fall     = 3
    user     = "probe"
    password = "hush"
    database = "shop"
    query    = "SELECT 1"
  }

  real_server "192.0.2.51:3306" {} # everything.cf:91
}

# everything.cf:97
virtual_server "192.0.2.12-9000" {
  address   = "192.0.2.12:9000"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true
  fallback  = "127.0.0.1"

  # everything.cf:10
  quorum {
    on_up   = ["/usr/local/sbin/alone", "stop", "192.0.2.12:9000", "tcp"]
    on_down = ["/usr/local/sbin/alone", "start", "192.0.2.12:9000", "tcp"]
  }

  # everything.cf:18
  alert {
    mail        = true
    per_hour    = 0
    mail_during = ["running"]
  }

  # everything.cf:99
  check "script" {
    interval = "20s"
    timeout  = "4s"
    fall     = 3
    command  = ["/usr/local/sbin/check", "192.0.2.12", "9000", "{address}", "{port}"]
  }

  real_server "192.0.2.51:9000" {} # everything.cf:98
}

# second.cf:7
virtual_server "192.0.2.12-80" {
  address      = "192.0.2.12:80"
  scheduler    = "wrr"
  forward      = "direct"
  quiescent    = false
  alpha        = true
  keep_on_stop = false

  # second.cf:10
  quorum {
    on_up   = ["/bin/sh", "-c", "/usr/local/sbin/alone now stop 192.0.2.12:80 tcp"]
    on_down = ["/bin/sh", "-c", "/usr/local/sbin/alone now start 192.0.2.12:80 tcp"]
  }

  # second.cf:9
  check "tcp" {
    interval = "3s"
    timeout  = "9s"
    fall     = 1
  }

  real_server "192.0.2.51:80" {} # second.cf:8
}
