version = 1

virtual_server "web" {
  fwmark  = 7
  forward = "direct"

  check "ping" {}
  real_server "192.168.0.110" {}
}

virtual_server "again" {
  fwmarks = [6, 7]
  forward = "direct"

  check "ping" {}
  real_server "192.168.0.110" {}
}
