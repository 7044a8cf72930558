version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 2
  virtual_address = ["192.168.0.200/24"]
  auth "ah" { secret = "123456789" }
}
