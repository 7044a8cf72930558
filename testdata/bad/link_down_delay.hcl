version = 1
vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  advert_interval = "100ms"
  link_down_delay = "200ms"
  virtual_address = ["192.0.2.100/24"]
}
