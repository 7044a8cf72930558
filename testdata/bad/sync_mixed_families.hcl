version = 1

connection_sync {
  interface = "eth1"
}

virtual_server "web" {
  address = "[2001:db8::200]:80"
  forward = "tunnel"

  check "tcp" {}
  real_server "192.168.0.110" {}
}
