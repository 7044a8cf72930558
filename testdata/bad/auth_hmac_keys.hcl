version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  version         = 3
  virtual_address = ["192.168.0.200/24"]
  auth "hmac" {
    key "1" { secret = "hex:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" }
    key "1" { secret = "hex:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" }
    key "2" { secret = "short" }
    key "256" { secret = "hex:0x" }
    key "3" { secret = "hex:0x" }
  }
}
