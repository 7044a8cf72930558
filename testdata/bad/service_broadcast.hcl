version = 1

virtual_server "web" {
  address = "255.255.255.255:80"
  forward = "direct"

  check "tcp" {}

  real_server "192.168.0.110" {}
}
