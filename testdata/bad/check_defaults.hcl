version = 1

virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "direct"

  check_defaults "http" {
    interval = "2s"
    timeout  = "4s"
  }
  check_defaults "tcp" {
    interval = "2s"
    expekt   = "ok"
  }
  check_defaults "http" {
    fall = 3
  }
  check_defaults "ping" {
    path = "/"
  }
  real_server "192.0.2.11" {
    check "http" { path = "/a" }
  }
  real_server "192.0.2.12" {
    check "http" { path = "/b" }
  }
}
