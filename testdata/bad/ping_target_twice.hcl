version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  track "ping" "gw" {}
}

track_ping "gw" {
  targets = ["192.0.2.1", "192.0.2.1"]
}
