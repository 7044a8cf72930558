version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 1e999999999
  virtual_address = ["192.168.0.200/24"]
}
