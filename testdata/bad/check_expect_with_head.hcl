version = 1

virtual_server "web" {
  address = "192.168.0.200:80"
  forward = "direct"

  check "http" {
    method = "HEAD"
    expect = "alive"
  }

  real_server "192.168.0.110" {}
}
