version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.168.0.200/24"]
  preempt       = false
  preempt_delay = "10s"
}
