version = 1

virtual_server "web" {
  address = "[2001:db8::200]:80"
  forward = "direct"

  persistence {
    netmask = "255.255.255.0"
  }

  check "tcp" {}
  real_server "2001:db8::110" {}
}
