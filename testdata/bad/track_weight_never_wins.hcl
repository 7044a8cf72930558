version = 1

director "lb1" { priority = 150 }
director "lb2" { priority = 100 }

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  track "script" "chk" { weight = -20 }
}

track_script "chk" {
  command = ["/bin/true"]
}
