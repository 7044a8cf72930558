version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24", "192.0.2.11/24", "192.0.2.10/24"]
}
