version = 1

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "tunnel"

  tunnel {
    checksum = "full"
  }

  check "tcp" {}
  real_server "192.168.0.110" {}
}
