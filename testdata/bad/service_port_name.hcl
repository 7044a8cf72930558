version = 1

virtual_server "web" {
  address = "192.168.0.200:http"
  forward = "direct"

  check "tcp" {}

  real_server "192.168.0.110" {}
}
