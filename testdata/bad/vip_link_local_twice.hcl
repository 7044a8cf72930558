version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["fe80::200/64"]
}

vrrp_instance "mail" {
  interface       = "eth1"
  vrid            = 51
  virtual_address = ["fe80::200/64"]
}

vrrp_instance "news" {
  interface       = "eth0"
  vrid            = 52
  virtual_address = ["fe80::200/64"]
}
