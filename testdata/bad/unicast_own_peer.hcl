version = 1

director "lb1" { address = "192.168.0.10" }
director "lb2" { address = "192.168.0.20" }

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.168.0.200/24"]
  unicast {
    peers = ["192.168.0.10", "192.168.0.20"]
  }
}
