version = 1

vrrp_instance "web" {
  interface       = "eth0"
  vrid            = 51
  virtual_address = ["192.0.2.10/24"]
  address "192.0.2.10/24" {
    detect_duplicates = true
    flags             = ["noprefixrout"]
  }
  route "198.51.100.0/24" {
    via        = "192.0.2.1"
    preference = "high"
    tuning {
      lock = ["mtus"]
      rtt  = "1us"
    }
  }
}
