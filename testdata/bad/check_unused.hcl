version = 1

check "tcp" "port" {}

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "direct"

  check "tcp" {}

  real_server "192.168.0.110" {}
}
