version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  rule {
    priority = 100
    action   = "goto"
  }
  rule {
    priority = 101
    action   = "goto"
    goto     = 50
  }
  rule {
    priority          = 102
    table             = 100
    destination_ports = "80-70"
    users             = "root"
  }
}
