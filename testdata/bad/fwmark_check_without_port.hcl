version = 1

virtual_server "web" {
  fwmark  = 1
  forward = "direct"

  check "tcp" {}
  real_server "192.168.0.110" {}
}
