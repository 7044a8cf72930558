version = 1

virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "tunnel"
  real_server "192.0.2.20" {}
  real_server "2001:db8::20" {}
  check "tcp" { source = "192.0.2.1" }
}
