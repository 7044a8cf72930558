version = 1

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "direct"

  fallback "192.168.0.98" {}
  fallback "192.168.0.99" {}

  check "tcp" {}

  real_server "192.168.0.110" {}
}
