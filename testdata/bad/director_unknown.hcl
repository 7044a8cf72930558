version = 1

director "node1" {
  address  = "192.168.0.10"
  priority = 150
}

director "node2" {
  address  = "192.168.0.20"
  priority = 100
}

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.168.0.200/24"]
  priority        = director.priority
}
