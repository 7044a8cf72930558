version = 1

director "lb1" {}

director "lb2" {}

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.168.0.200/24"]
}
