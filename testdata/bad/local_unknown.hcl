version = 1

locals {
  vip_web = "192.168.0.200/24"
}

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = [local.vip_wb]
}
