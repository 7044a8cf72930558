version = 1

virtual_server "s0" {
  address = "192.0.2.10:1000"
  forward = "masquerade"
  real_server "192.0.2.21:1000" {
    check "http" {
      method = "HEAD"
      virtual_host = "a.example"
      headers = ["X-A: b"]
      status = "200,301"
      redirects = 2
      keep_alive = true
      paths = ["/a","/b"]
      interval = "10s"
      timeout = "2s"
      rise = 2
      fall = 4
      retry_interval = "1s"
      down_interval = "30s"
      warmup = "500ms"
      flaps = 3
      flap_window = "1m"
      latency_target = "20ms"
      latency_floor = 30
      latency_step = 5
      log_failures = true
      log_file = "/var/log/checks"
      port = 8080
      source = "192.0.2.2"
      interface = "eth0"
      fwmark = 3
    }
  }
}

virtual_server "s1" {
  address = "192.0.2.10:1001"
  forward = "masquerade"
  real_server "192.0.2.21:1001" {
    check "https" {
      path = "/x"
      cheap = 3
      expect = "ok"
      refuse = "maintenance"
      source_port = 1025
      sni = "b.example"
      verify = true
      min_days = 7
      certificate = "/etc/vipd/director.pem"
      certificate_key = "/etc/vipd/director.key"
      version = "2"
    }
  }
}

virtual_server "s2" {
  address = "192.0.2.10:1002"
  forward = "masquerade"
  real_server "192.0.2.21:1002" {
    check "https" {
      digest = "0123456789abcdef0123456789abcdef"
      tls_close = true
    }
  }
}

virtual_server "s3" {
  address = "192.0.2.10:1003"
  forward = "masquerade"
  real_server "192.0.2.21:1003" {
    check "https" {
      json_path = "status"
      json_value = "up"
    }
  }
}

virtual_server "s4" {
  address = "192.0.2.10:1004"
  forward = "masquerade"
  real_server "192.0.2.21:1004" {
    check "http_proxy" {
      url = "http://www.example.com/"
    }
  }
}

virtual_server "s5" {
  address = "192.0.2.10:1005"
  forward = "masquerade"
  real_server "192.0.2.21:1005" {
    check "grpc" {
      service = "shop"
      authority = "a.example"
      tls = "on"
    }
  }
}

virtual_server "s6" {
  address = "192.0.2.10:1006"
  forward = "masquerade"
  real_server "192.0.2.21:1006" {
    check "tcp" {
      send = "PING\r\n"
      expect = "PONG"
      finish = true
      tls = "on"
     
    }
  }
}

virtual_server "s7" {
  address = "192.0.2.10:1007"
  forward = "masquerade"
  real_server "192.0.2.21:1007" {
    check "tcp" {
      send_hex = "00ff"
    }
  }
}

virtual_server "s8" {
  address = "192.0.2.10:1008"
  forward = "masquerade"
  real_server "192.0.2.21:1008" {
    check "smtp" {
      hello = "lb.example"
      tls = "starttls"
    }
  }
}

virtual_server "s9" {
  address = "192.0.2.10:1009"
  forward = "masquerade"
  real_server "192.0.2.21:1009" {
    check "pop3" {
      user = "u"
      password = "p"
    }
  }
}

virtual_server "s10" {
  address = "192.0.2.10:1010"
  forward = "masquerade"
  real_server "192.0.2.21:1010" {
    check "imap" {
      user = "u"
      password = "p"
      tls = "on"
    }
  }
}

virtual_server "s11" {
  address = "192.0.2.10:1011"
  forward = "masquerade"
  real_server "192.0.2.21:1011" {
    check "ftp" {
      user = "u"
      password = "p"
      path = "motd"
      expect = "x"
    }
  }
}

virtual_server "s12" {
  address = "192.0.2.10:1012"
  forward = "masquerade"
  real_server "192.0.2.21:1012" {
    check "nntp" {
      tls = "starttls"
    }
  }
}

virtual_server "s13" {
  address = "192.0.2.10:1013"
  forward = "masquerade"
  real_server "192.0.2.21:1013" {
    check "dns" {
      name = "www.example.com"
      type = "A"
      expect = "192"
      code = "NXDOMAIN"
      transport = "tcp"
    }
  }
}

virtual_server "s14" {
  address = "192.0.2.10:1014"
  forward = "masquerade"
  real_server "192.0.2.21:1014" {
    check "ldap" {
      user = "cn=a"
      password = "p"
      base = "dc=a"
      filter = "(a=b)"
      expect = "a"
    }
  }
}

virtual_server "s15" {
  address = "192.0.2.10:1015"
  forward = "masquerade"
  real_server "192.0.2.21:1015" {
    check "mysql" {
      user = "u"
      password = "p"
      database = "d"
      query = "SELECT 1"
      expect = "1"
    }
  }
}

virtual_server "s16" {
  address = "192.0.2.10:1016"
  forward = "masquerade"
  real_server "192.0.2.21:1016" {
    check "postgresql" {
      user = "u"
      password = "p"
      database = "d"
      query = "SELECT 1"
      expect = "1"
      tls = "on"
    }
  }
}

virtual_server "s17" {
  address = "192.0.2.10:1017"
  forward = "masquerade"
  real_server "192.0.2.21:1017" {
    check "oracle" {
      service = "orcl"
    }
  }
}

virtual_server "s18" {
  address = "192.0.2.10:1018"
  forward = "masquerade"
  real_server "192.0.2.21:1018" {
    check "radius" {
      user = "u"
      password = "p"
      secret = "s"
      nas_identifier = "n"
      accept_reject = true
    }
  }
}

virtual_server "s19" {
  address = "192.0.2.10:1019"
  forward = "masquerade"
  real_server "192.0.2.21:1019" {
    check "sip" {
      user = "u"
      domain = "a.example"
      transport = "tcp"
      status = "200,404"
      tls = "on"
    }
  }
}

virtual_server "s20" {
  address = "192.0.2.10:1020"
  forward = "masquerade"
  real_server "192.0.2.21:1020" {
    check "redis" {
      user = "u"
      password = "p"
      role = "master"
    }
  }
}

virtual_server "s21" {
  address = "192.0.2.10:1021"
  forward = "masquerade"
  real_server "192.0.2.21:1021" {
    check "udp" {
      send = "x"
      expect = "y"
      min_length = 2
      max_length = 512
    }
  }
}

virtual_server "s22" {
  address = "192.0.2.10:1022"
  forward = "masquerade"
  real_server "192.0.2.21:1022" {
    check "udp" {
      send_hex = "ff"
      silence_is_success = true
    }
  }
}

virtual_server "s23" {
  address = "192.0.2.10:1023"
  forward = "masquerade"
  real_server "192.0.2.21:1023" {
    check "script" {
      command = ["/usr/bin/true","{address}"]
      exit_codes = "nagios"
      user = "nobody"
    }
  }
}

virtual_server "s24" {
  address = "192.0.2.10:1024"
  forward = "masquerade"
  real_server "192.0.2.21:1024" {
    check "file" {
      path = "/run/w"
      weight = 2
      words = false
    }
  }
}

virtual_server "s25" {
  address = "192.0.2.10:1025"
  forward = "masquerade"
  real_server "192.0.2.21:1025" {
    check "agent" {
      send = "x"
      tls = "on"
    }
  }
}

virtual_server "s26" {
  address = "192.0.2.10:1026"
  forward = "masquerade"
  real_server "192.0.2.21:1026" {
    check "on" {
    }
  }
}

virtual_server "s27" {
  address = "192.0.2.10:1027"
  forward = "masquerade"
  real_server "192.0.2.21:1027" {
    check "off" {
    }
  }
}

virtual_server "s28" {
  address = "192.0.2.10:1028"
  forward = "masquerade"
  real_server "192.0.2.21:1028" {
    check "ping" {
     
    }
  }
}

virtual_server "defaults" {
  address = "192.0.2.10:1100"
  forward = "masquerade"
  check_defaults "http" {
    interval       = "10s"
    timeout        = "2s"
    rise           = 2
    fall           = 4
    retry_interval = "1s"
    down_interval  = "30s"
    warmup         = "500ms"
    cheap          = 2
    flaps          = 3
    flap_window    = "1m"
    latency_target = "20ms"
    latency_floor  = 30
    latency_step   = 5
    log_failures   = true
    log_file       = "/var/log/checks"
  }
  real_server "192.0.2.21:1100" {
    check "http" {
      path = "/a"
    }
  }
  real_server "192.0.2.22:1100" {
    check "http" {
      path = "/b"
    }
  }
}
