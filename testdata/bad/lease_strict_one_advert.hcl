version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.168.0.200/24"]
  lease        = "strict"
  down_adverts = 1
}
