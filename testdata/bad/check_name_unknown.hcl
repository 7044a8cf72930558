version = 1

check "tcp" "web-port" {}

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "direct"

  checks = ["web-prt"]

  real_server "192.168.0.110" {}
}
