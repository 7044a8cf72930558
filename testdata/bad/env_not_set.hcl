version = 1

vrrp_instance "web" {
  interface       = "${env("VIPD_INTERFACE")}"
  vrid            = 51
  virtual_address = ["192.168.0.200/24"]
}
