version = 1

vrrp_instance "web" {
  interface       = "${directors.lb1.name}"
  vrid            = 51
  virtual_address = ["192.168.0.200/24"]
}
