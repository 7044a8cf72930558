version = 1

vrrp_instance "web" {
  interface       = "eth0"
  virtual_address = ["192.168.0.200/24"]
  virtual_router_id = 51
}
