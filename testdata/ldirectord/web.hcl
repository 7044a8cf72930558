version = 1

global {
  autoreload = true
}

# web.cf:7
virtual_server "192.0.2.10-80" {
  address   = "192.0.2.10:80"
  scheduler = "wlc"
  forward   = "direct"
  quiescent = true
  alpha     = true
  fallback  = "127.0.0.1:80"

  # web.cf:16
  check "http" {
    interval  = "5s"
    timeout   = "3s"
    fall      = 1
    path      = "/alive.html"
    expect    = "Still alive"
    redirects = 7
  }

  real_server "192.0.2.21:80" {} # web.cf:9

  # web.cf:10
  real_server "192.0.2.22:80" {
    weight = 3
  }
}
