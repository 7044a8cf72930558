version = 1

virtual_server "web" {
  addresses = ["192.168.0.201/28:80"]
  forward   = "direct"

  check "tcp" {}
  real_server "192.168.0.110" {}
}
