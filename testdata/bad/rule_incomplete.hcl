version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  rule {
    priority = 100
    from     = "192.0.2.0/24"
    to       = "2001:db8::/32"
  }
}
