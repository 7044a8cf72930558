version = 1

director "lb1" {
  address  = "192.168.0.10"
  priority = 150
}

director "lb2" {
  address  = "192.168.0.20"
  priority = 100
}

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 0
  virtual_address = ["192.168.0.200"]
  priority        = director.priorty
  advert_interval = 1
  state           = "MASTER"
}

virtual_server "web" {
  address = "192.168.0.200:99999"
  forward = "direct"

  scheduler = "wlcc"

  check "tcp" {}

  real_server "192.168.0.110:80" {
    weigth = 5
  }
  real_server "2001:db8::1" {}
}
