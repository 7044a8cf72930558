# Direct routing: two directors, two real servers on the same network. Answers
# go from the real servers straight to the clients, so each of them must have
# 192.168.0.200 on its loopback interface and must not answer ARP for it
# (arp_ignore = 1, arp_announce = 2).

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
  virtual_address = ["192.168.0.200/24"]
}

virtual_server "web" {
  address   = "192.168.0.200:80"
  scheduler = "wlc"
  forward   = "direct" # "gate" in the older tools
  quiescent = true     # a failed server keeps its connections, with weight 0
  fallback  = "127.0.0.1:80"

  check "http" {
    path     = "/test.html"
    expect   = "Still alive"
    interval = "5s"
    timeout  = "3s"
    fall     = 1
  }

  real_server "192.168.0.110:80" {}
  real_server "192.168.0.120:80" {}
}
