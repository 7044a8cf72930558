version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  virtual_address = ["192.168.0.200/24"]
  auth "hmac" {
    active_key  = 2
    anti_replay = "monotonic"
    time_window = "9s"
    key "1" { secret = "hex:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" }
  }
}
