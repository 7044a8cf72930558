version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = [for i in range(300) : "10.0.${floor(i / 100)}.${i % 100 + 1}/16"]
}
