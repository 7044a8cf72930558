version = 1

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "direct"
  min_up   = 1
  fallback = "127.0.0.1:80"

  check "tcp" {}
  real_server "192.168.0.110" {}
}
