version = 1

virtual_server "web" {
  addresses = ["10.0.0.0/8:80"]
  forward   = "direct"

  check "tcp" {}
  real_server "192.168.0.110" {}
}
