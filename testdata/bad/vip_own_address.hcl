version = 1

director "lb1" {
  address  = "192.168.0.10"
  priority = 150
}

director "lb2" {
  address  = "192.168.0.20"
  priority = 100
}

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.168.0.10/24"]
}
