version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  route "198.51.100.0/24" {
    table = 100
  }
  route "198.51.100.7/24" {
    type = "blackhole"
    via  = "192.0.2.1"
  }
}
