version = 1

global {
  autoreload = true
}

# second.cf:7
virtual_server "192.0.2.12-80" {
  address   = "192.0.2.12:80"
  scheduler = "wrr"
  forward   = "direct"
  quiescent = false
  alpha     = true

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
