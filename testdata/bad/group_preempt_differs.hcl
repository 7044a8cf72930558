version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
}

vrrp_instance "inside" {
  interface       = "eth1"
  vrid            = 52
  virtual_address = ["198.51.100.1/24"]
  preempt         = false
}

vrrp_sync_group "edge" {
  members = ["web", "inside"]
}
