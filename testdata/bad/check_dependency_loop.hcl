version = 1
check "ping" "a" { depends_on = "b" }
check "ping" "b" { depends_on = "a" }
virtual_server "web" {
  address = "192.0.2.10:80"
  forward = "masq"
  real_server "192.0.2.20" {}
  checks = ["a", "b"]
}
