version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  route "0.0.0.0/0" {
    via    = "2001:db8::1"
    source = "2001:db8::2"
  }
  route "2001:db8:1::/48" {
    via = "192.0.2.1"
  }
  route "::/0" {
    hop {
      weight = 2
    }
  }
}
