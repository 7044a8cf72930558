version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  track "script" "chk" { weight = 254 }
}

track_script "chk" {
  command = ["/bin/true"]
}
