version = 1

# services.cf:2
virtual_server "192.0.2.1-21" {
  address   = "192.0.2.1:21"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "ftp" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
    path     = "motd"
    expect   = "Hello"
  }

  real_server "192.0.2.21:21" {} # services.cf:3
}

# services.cf:6
virtual_server "192.0.2.1-110" {
  address   = "192.0.2.1:110"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "pop3" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
    user     = "probe"
    password = "hush"
  }

  real_server "192.0.2.21:110" {} # services.cf:7
}

# services.cf:10
virtual_server "192.0.2.1-993" {
  address   = "192.0.2.1:993"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "imap" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
    tls      = "on"
  }

  real_server "192.0.2.21:993" {} # services.cf:11
}

# services.cf:12
virtual_server "192.0.2.1-119" {
  address   = "192.0.2.1:119"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "nntp" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
  }

  real_server "192.0.2.21:119" {} # services.cf:13
}

# services.cf:14
virtual_server "192.0.2.1-587" {
  address   = "192.0.2.1:587"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "smtp" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
  }

  real_server "192.0.2.21:587" {} # services.cf:15
}

# services.cf:16
virtual_server "192.0.2.1-5432" {
  address   = "192.0.2.1:5432"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "postgresql" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
  }

  real_server "192.0.2.21:5432" {} # services.cf:17
}

# services.cf:18
virtual_server "192.0.2.1-1521" {
  address   = "192.0.2.1:1521"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "oracle" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
    service  = "orcl"
  }

  real_server "192.0.2.21:1521" {} # services.cf:19
}

# services.cf:21
virtual_server "192.0.2.1-5060-udp" {
  address   = "192.0.2.1:5060"
  protocol  = "udp"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "sip" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
    user     = "probe"
    domain   = "example.com"
  }

  real_server "192.0.2.21:5060" {} # services.cf:23
}

# services.cf:25
virtual_server "192.0.2.1-7" {
  address   = "192.0.2.1:7"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "tcp" {
    interval = "10s"
    timeout  = "30s"
    fall     = 1
    send     = "PING\n"
    finish   = true
    expect   = "PONG"
  }

  real_server "192.0.2.21:7" {} # services.cf:26
}

# services.cf:30
virtual_server "192.0.2.1-3128" {
  address   = "192.0.2.1:3128"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "http_proxy" {
    interval  = "10s"
    timeout   = "30s"
    fall      = 1
    url       = "http://www.example.com/"
    redirects = 7
  }

  real_server "192.0.2.21:3128" {} # services.cf:31
}

# services.cf:33
virtual_server "192.0.2.1-636" {
  address   = "192.0.2.1:636"
  scheduler = "wrr"
  forward   = "masquerade"
  quiescent = false
  alpha     = true

  check "ldap" {
    interval = "10s"
    timeout  = "5s"
    fall     = 1
    tls      = "on"
  }

  real_server "192.0.2.21:636" {} # services.cf:34
}

# services.cf:35
virtual_server "192.0.2.1-8000" {
  address   = "192.0.2.1:8000"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true

  # services.cf:37
  check "tcp" {
    interval = "10s"
    timeout  = "5s"
    fall     = 1
    port     = 8080
  }

  real_server "192.0.2.21" {} # services.cf:36
}

# services.cf:38
virtual_server "192.0.2.1-8001-udp" {
  address   = "192.0.2.1:8001"
  protocol  = "udp"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true

  # services.cf:41
  check "ping" {
    interval = "10s"
    timeout  = "5s"
    fall     = 1
  }

  real_server "192.0.2.21:8001" {} # services.cf:40
}

# services.cf:42
virtual_server "192.0.2.1-8002" {
  address   = "192.0.2.1:8002"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true

  # services.cf:44
  check "ping" {
    interval = "10s"
    timeout  = "5s"
    fall     = 1
  }

  real_server "192.0.2.21:8002" {} # services.cf:43
}

# services.cf:45
virtual_server "192.0.2.1-8003" {
  address   = "192.0.2.1:8003"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true

  check "on" {}                    # services.cf:47
  real_server "192.0.2.21:8003" {} # services.cf:46
}

# services.cf:48
virtual_server "192.0.2.1-8004" {
  address   = "192.0.2.1:8004"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true

  check "off" {}                   # services.cf:51
  real_server "192.0.2.21:8004" {} # services.cf:49
}

# services.cf:52
virtual_server "192.0.2.1-8005" {
  address   = "192.0.2.1:8005"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true

  check "on" {}
  real_server "192.0.2.21:8005" {} # services.cf:53
}

# services.cf:54
virtual_server "192.0.2.1-8006" {
  address   = "192.0.2.1:8006"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true

  # services.cf:56
  check "script" {
    interval = "10s"
    timeout  = "5s"
    fall     = 1
    command  = ["/usr/bin/perl", "/etc/ha.d/check.pl", "192.0.2.1", "8006", "{address}", "{port}"]
  }

  real_server "192.0.2.21:8006" {} # services.cf:55
}
