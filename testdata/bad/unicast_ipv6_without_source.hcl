version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["fe80::200/64", "2001:db8::200/64"]
  unicast {
    peers = ["2001:db8::20"]
  }
}
