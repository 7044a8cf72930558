version = 1

virtual_server "db" {
  address = "192.0.2.10:3306"
  forward = "masq"
  real_server "192.0.2.20" {}
  check "mysql" { tls = "on" }
}
