version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["fe80::200/64", "2001:db8::200", "2001:db8::201/129", "fe80::1%eth0/64"]
}
