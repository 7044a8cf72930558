version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.168.0.10/24"]

  notify {
    master = ["/bin/true"]
    program "backup" { user = "www" }
  }
}
