version = 1

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "direct"

  check "tcp" {}
  real_server "192.168.0.110" {}
}

virtual_server "all" {
  addresses = ["192.168.0.198-201:80"]
  forward   = "direct"

  check "tcp" {}
  real_server "192.168.0.110" {}
}
