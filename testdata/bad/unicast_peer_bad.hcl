version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.168.0.200/24"]
  unicast {
    peers   = ["192.168.0.20/24", "lb2", 3, "224.0.0.18"]
    min_ttl = 256
  }
}
