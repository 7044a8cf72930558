# Two directors share one address, and no more than that: the smallest useful
# configuration. The same file goes to both machines; each finds itself by its
# host name.

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
  vrid            = 51
  priority        = director.priority
  advert_interval = "1s"
  virtual_address = ["192.168.0.200/24"]
}
