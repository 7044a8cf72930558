version = 1

vrrp_instance {
  interface = "eth0"
}
