version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  priority        = 255
  virtual_address = ["192.168.0.200/24"]
  preempt_delay = "10s"
  accept        = false
}
