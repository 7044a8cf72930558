version = 1

virtual_server "web" {
  address = "[2001:db8::200]:80"
  forward = "masquerade"

  check "tcp" {}
  real_server "192.168.0.110" {}
}
