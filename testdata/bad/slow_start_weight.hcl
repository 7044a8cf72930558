version = 1

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "direct"
  slow_start = "30s"

  check "tcp" {}
  real_server "192.168.0.110" {}
}
