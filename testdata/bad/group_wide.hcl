version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["fe80::200/64"]
  group           = "ff05::12"
}
