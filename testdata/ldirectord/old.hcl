version = 1

# old.cf:6
virtual_server "192.0.2.10-80" {
  address   = "192.0.2.10:80"
  scheduler = "rr"
  forward   = "direct"
  quiescent = false
  alpha     = true
  fallback  = "127.0.0.1:80"

  # old.cf:7
  real_server "192.0.2.21:80" {
    check "http" {
      interval  = "5s"
      timeout   = "3s"
      fall      = 1
      path      = "/alive.html"
      expect    = "Still alive"
      redirects = 7
    }
  }
}
