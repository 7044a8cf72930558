version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  address "192.0.2.10/24" {
    label = "eth0:a-very-long-label"
    peer  = "2001:db8::1"
  }
}
