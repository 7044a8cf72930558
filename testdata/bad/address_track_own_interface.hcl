version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  address "192.0.2.10/24" { track = false }
}
